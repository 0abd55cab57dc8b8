"""X servers with VNC for the tests: Xtigervnc, and x11vnc on Xvfb. What they are told goes over X by the usual programs."""
import os
import re
import subprocess

import harness

PASSWORD = "sesam-12"  # of LoginTest's servers
PROGRAMS = ("Xtigervnc", "x11vnc", "Xvfb", "xsetroot", "xterm", "xdotool", "xrandr", "vncpasswd")


def require():
    for program in PROGRAMS:
        harness.require_program(program)


def password_file(test, password, name="vncpasswd"):
    """A file as vncpasswd writes it."""
    made = subprocess.run(["vncpasswd", "-f"], input=password.encode() + b"\n", stdout=subprocess.PIPE, check=True).stdout
    with open(os.open(test.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
        f.write(made)
    return test.path(name)


class Desktop:
    """A running X display. number: of the display; port: of its VNC server."""

    def __init__(self, test, number, port):
        self.test, self.number, self.port = test, number, port

    def run(self, *arguments, **options):
        """Runs a program of X on it to its end."""
        return subprocess.run([str(a) for a in arguments], env=self.env(), check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20, **options).stdout.decode()

    def start(self, *arguments):
        """Starts one that stays."""
        return harness.Process(self.test, arguments, env=self.env())

    def env(self):
        return {**os.environ, "DISPLAY": f":{self.number}"}

    def fill(self, colour):
        """The whole background in one colour, "#rrggbb"."""
        self.run("xsetroot", "-solid", colour)

    def resize(self, size):
        """To one of the sizes that xrandr lists."""
        self.run("xrandr", "-s", size)


def free_display():
    """A display number that nobody uses, reserved for this process."""
    return next(n for n in range(100, 10000) if not os.path.exists(f"/tmp/.X{n}-lock") and not os.path.exists(f"/tmp/.X11-unix/X{n}")
                and harness.reserve(f"display-{n}"))


class Tiger(Desktop):
    """Xtigervnc. security: as its -SecurityTypes."""

    def __init__(self, test, *arguments, size="1024x768", security="None", port=None):
        super().__init__(test, free_display(), port or harness.free_port())
        self.arguments = ["Xtigervnc", f":{self.number}", "-geometry", size, "-depth", "24", "-rfbport", self.port, "-localhost",
                          "-SecurityTypes", security, "-AlwaysShared", "-ac", "-nolisten", "tcp", *arguments]
        self.open()

    def open(self):
        """Starts it, or starts it again."""
        self.process = harness.Process(self.test, self.arguments, name="Xtigervnc")
        self.process.wait_log(rf"Listening for VNC connections on .* port {self.port}", 20)
        harness.wait_until(lambda: os.path.exists(f"/tmp/.X11-unix/X{self.number}") or self.process._must_run(), 20, "its display")

    def logins(self):
        """How often somebody began to connect."""
        return len(re.findall(r"[Aa]ccepted:", self.process.log()))  # its releases differ


class X11Vnc(Desktop):
    """x11vnc on an Xvfb of so many bits."""

    def __init__(self, test, *arguments, size="800x600", depth=24, port=None):
        super().__init__(test, free_display(), port or harness.free_port())
        self.xvfb = harness.Process(test, ["Xvfb", f":{self.number}", "-screen", "0", f"{size}x{depth}", "-nolisten", "tcp", "-ac"])
        harness.wait_until(lambda: os.path.exists(f"/tmp/.X11-unix/X{self.number}") or self.xvfb._must_run(), 20, "its display")
        harness.wait_until(self._answers, 20, "its X server")
        self.process = harness.Process(test, ["x11vnc", "-display", f":{self.number}", "-rfbport", self.port, "-localhost", "-forever",
                                              "-shared", "-noxdamage", "-wait", "20", "-defer", "10", *arguments], env=self.env())
        harness.wait_until(lambda: re.search(rf"PORT={self.port}", self.process.out()) or self.process._must_run(), 20,
                           lambda: f"x11vnc: {self.process.log()[-2000:]}")

    def _answers(self):
        try:
            self.run("xsetroot", "-name", "x")
            return True
        except subprocess.CalledProcessError:
            return False


class Viewer(harness.Test):
    """A test with ddrecv and a ddsend for a desktop."""

    def receive(self, **options):
        self.port, self.key = harness.free_port(harness.socket.SOCK_DGRAM), self.key_file()
        self.receiver_ = self.receiver_config({"desk": {"udp_host": "127.0.0.1", "udp_port": self.port, "key_file": self.key,
                                                        "live_seconds": 1, "stale_seconds": 60, **options}})
        return self.receiver_

    def watch(self, source, *arguments, interval="0.1", timeout="5"):
        return self.sender("--mode", "vnc", "--source", source, "--interval", interval, "--timeout", timeout, "--jpeg-quality", "95",
                           "--capture-resolution", "source", "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file",
                           self.key, *arguments)

    def snapshot(self):
        answer = self.receiver_.get("/desk/snapshot.jpg?raw=1")
        return answer.body if answer.status == 200 else None

    def size(self):
        jpeg = self.snapshot()
        return harness.jpeg_size(jpeg) if jpeg else None

    def frames(self):
        return self.receiver_.stats("desk")["total"]["frames_complete"]

    def wait_frames(self, condition, timeout, what):
        """Waits until condition(pixels) holds of the newest picture; the pixels."""
        def check():
            jpeg = self.snapshot()
            pixels = Pixels(jpeg) if jpeg else None
            return pixels if pixels and condition(pixels) else None
        return harness.wait_until(check, timeout, what)

    def wait_colour(self, x, y, colour, timeout=10, tolerance=3):
        """Waits until the newest picture has that colour, "#rrggbb", at a place."""
        wanted = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
        seen = [None]

        def fits(pixels):
            seen[0] = pixels.at(x, y)
            return all(abs(a - b) <= tolerance for a, b in zip(seen[0], wanted))
        return self.wait_frames(fits, timeout, lambda: f"{colour} at {x},{y}; it is {seen[0]}")


class LoginTest(Viewer):
    """One of logging in."""

    def setUp(self):
        super().setUp()
        require()

    def tiger(self, security, *arguments, password=PASSWORD):
        return Tiger(self, "-PasswordFile", password_file(self, password, "server-passwd"), *arguments,
                     size="320x240", security=security)

    def check_live(self, sender, receiver):
        receiver.wait_live("desk")
        self.assertNotIn("lost", sender.log())
        self.assertNotIn(PASSWORD, sender.log())
        for pid, title in {**harness.children(sender.pid), sender.pid: harness.title(sender.pid)}.items():
            self.assertNotIn(PASSWORD, title, pid)


class Pixels:
    """A JPEG's."""

    def __init__(self, jpeg):
        self.width, self.height = harness.jpeg_size(jpeg)
        self.rgb = harness.decode_jpeg(jpeg)

    def at(self, x, y):
        place = 3 * (y * self.width + x)
        return tuple(self.rgb[place:place + 3])

    def count(self, condition, left=0, top=0, right=None, bottom=None):
        """Pixels in a rectangle for which condition((r, g, b)) holds."""
        return sum(bool(condition(self.at(x, y))) for y in range(top, bottom or self.height) for x in range(left, right or self.width))

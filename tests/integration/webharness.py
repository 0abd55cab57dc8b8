"""What the tests of web pages share: pages, pictures read to the pixel, and the browser's processes."""
import collections
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
import urllib.parse

import harness

BROWSERS = ("chromium-headless-shell", "chromium")
CPU_TICKS = os.sysconf("SC_CLK_TCK")


# ---- pictures ----

class Picture:
    """A JPEG, decoded: picture.at(x, y) is (red, green, blue). With top, only that many lines of it."""

    def __init__(self, jpeg, top=None):
        self.width, self.height = harness.jpeg_size(jpeg)
        self.lines = min(top or self.height, self.height)
        self.rgb = harness.decode_jpeg(jpeg, self.lines)

    def at(self, x, y):
        at = (int(y) * self.width + int(x)) * 3
        return tuple(self.rgb[at:at + 3])

    def near(self, x, y, colour, tolerance=60):
        """Whether it has about this colour there; "#rgb"."""
        return is_near(self.at(x, y), colour, tolerance)

    def area(self, x, y, width, height):
        """The bytes of a part."""
        return b"".join(self.rgb[((y + i) * self.width + x) * 3:((y + i) * self.width + x + width) * 3] for i in range(height))


def is_near(rgb, colour, tolerance=60):
    wanted = [int(c, 16) * 17 for c in colour[1:]]
    return all(abs(a - b) <= tolerance for a, b in zip(rgb, wanted))


Cells = collections.namedtuple("Cells", "count load mark x y cell")


def find_run(row, colour):
    """Where pixels of this colour begin, and how many follow each other: of the first run."""
    start = None
    for x in range(0, len(row) // 3):
        hit = is_near(row[3 * x:3 * x + 3], colour, 90)
        if hit and start is None:
            start = x
        elif not hit and start is not None:
            return start, x - start
    return (start, len(row) // 3 - start) if start is not None else (None, 0)


def read_cells(rgb, width):
    """The strip of cells in the pixels of a picture, wherever and however large it is; None if there is none, AssertionError if it
    contradicts itself."""
    lines = len(rgb) // 3 // width
    for y in range(3, lines, 4):
        row = rgb[y * width * 3:(y + 1) * width * 3]
        x, run = find_run(row, "#f0f")
        if x is None or run < 3:
            continue
        below = y + run // 2  # past the edge
        row = rgb[below * width * 3:(below + 1) * width * 3]
        tail = [i for i in range(x + 40 * run, min(width, x + 52 * run)) if is_near(row[3 * i:3 * i + 3], "#0f0", 90)]
        if not tail:
            continue
        return cells_at(rgb, width, x, below, (tail[0] - x) / 45)
    return None


def cells_at(rgb, width, x, y, cell):
    """The strip of cells of that size whose first begins at x, read along the line y."""
    values = [rgb[(y * width + int(x + (i + 1.5) * cell)) * 3] for i in range(44)]
    bits = int("".join("1" if v > 127 else "0" for v in values), 2)
    count, load, mark, total = bits >> 20, bits >> 12 & 255, bits >> 4 & 255, bits & 15
    if any(90 < v < 165 for v in values) or total != (count % 16 + count // 16 % 16 + count // 256 % 16 + load + mark) % 16:
        raise AssertionError(f"cells at {x},{y} of {cell} contradict themselves: {values}")
    return Cells(count, load, mark, x, y, cell)


def read_series(jpegs, top=100):
    """The cells of many pictures of one size, with the strip in one place."""
    size = harness.jpeg_size(jpegs[0])
    decoded = [harness.decode_jpeg(jpeg, top) for jpeg in jpegs]
    first = read_cells(decoded[0], size[0])
    return [cells_at(rgb, size[0], first.x, first.y, first.cell) for rgb in decoded]


def cells_of(jpeg, top=200):
    """The cells of a JPEG; None if there are none in its uppermost lines."""
    picture = Picture(jpeg, top)
    return read_cells(picture.rgb, picture.width)


def count_now(rate=25):
    """What a page of this rate counts now."""
    return int(time.time() * rate) % 2 ** 24


# ---- the browser's processes ----

def browser_processes(pid):
    """Those below a daemon that are Chromium's: {pid: title}."""
    return {p: t for p, t in harness.children(pid).items() if re.search(r"chrom|fake_browser", t.split(" ")[0] + " " + t[:200])
            and not t.startswith(("ddsend:", "ddrecv:"))}


def of_kind(processes, kind):
    """Those with --type=kind: renderer, gpu-process, utility; "" is the browser itself."""
    def type_of(t):
        match = re.search(r"--type=(\S+)", t)
        return match.group(1) if match else "crashpad" if "crashpad" in t.split(" ")[0] else "shell" if t.startswith("/bin/sh") else ""
    return [p for p, t in processes.items() if type_of(t) == kind]


def profile_folders(pid):
    """The folders that browsers below a daemon were told to keep their things in."""
    return {m for t in harness.children(pid).values() for m in re.findall(r"--user-data-dir=(\S+)", t)}


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / CPU_TICKS
        except OSError:
            pass
    return total


def listeners(pids):
    """TCP ports that these processes listen on, in whichever network namespace they are."""
    found = set()
    for pid in pids:
        try:
            inodes = {os.readlink(link)[8:-1] for link in glob.glob(f"/proc/{pid}/fd/*") if os.readlink(link).startswith("socket:[")}
            for table in ("tcp", "tcp6"):
                with open(f"/proc/{pid}/net/{table}") as f:
                    rows = [line.split() for line in f.readlines()[1:]]
                found |= {(pid, int(r[1].rsplit(":", 1)[1], 16)) for r in rows if r[3] == "0A" and r[9] in inodes}
        except OSError:
            pass
    return found


# ---- pages ----

class WebServer(harness.Process):
    """tests/support/web_server.py. port and other are two origins, tls the ports of --tls."""

    def __init__(self, test, *arguments):
        super().__init__(test, [harness.PYTHON, os.path.join(harness.SUPPORT, "web_server.py"), *arguments], name="web")
        ports = [int(p) for p in self.wait_out(r"^ready ([\d ]+)\n", 30).group(1).split()]
        self.port, self.other, self.tls = ports[0], ports[1], ports[2:]

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def control(self, what, **query):
        return json.loads(harness.http_get(self.port, f"/control/{what}?{urllib.parse.urlencode(query)}").body)

    def set(self, **values):
        self.control("set", **values)

    def requests(self, path=None, port=None):
        found = self.control("requests", **({"path": path} if path else {}))
        return [r for r in found if port is None or r["port"] == port]

    def reports(self, page=None):
        return [r["value"] for r in self.control("reports") if page is None or r["page"] == page]


class Viewer:
    """Watches a stream in a thread of its own."""

    def __init__(self, port, path):
        self.pictures, self.ended = [], False
        self.mjpeg = harness.Mjpeg(port, path)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        last = None
        try:
            for headers, body in self.mjpeg:
                if headers["x-frame"] != last:
                    last = headers["x-frame"]
                    self.pictures.append((time.time(), body))
                if self.ended:
                    return
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass

    def stop(self):
        """Ends it; the different pictures that came: [(when, JPEG)]."""
        if not self.ended:
            self.ended = True
            self.thread.join(10)
            self.mjpeg.close()
        return self.pictures


def longest_gap(pictures):
    """The longest time between two pictures of a viewer."""
    times = [at for at, _ in pictures]
    return max(b - a for a, b in zip(times, times[1:]))


# ---- the test ----

class Test(harness.Test):
    """A receiver with a stream for each page, and one ddsend for all of them. In the end no folder of a browser is left."""

    server_arguments = ()

    def setUp(self):
        super().setUp()
        if not any(shutil.which(b) for b in BROWSERS):
            harness.skip("needs chromium-headless-shell or chromium")
        self.folders = set()
        self.addCleanup(self._folders_gone)  # before _end is: cleanups run backwards, so it is stopped here
        self.web = WebServer(self, *self.server_arguments)

    def _folders_gone(self):
        for process in reversed(self.processes):
            if isinstance(process, harness.Daemon) and process.name == "ddsend" and process.running():
                self.folders |= profile_folders(process.pid)
                self.assertEqual(process.stop(10), 0, process.log()[-3000:])
        harness.wait_until(lambda: not any(map(os.path.exists, self.folders)), 3,
                           lambda: f"an end of the folders {[f for f in self.folders if os.path.exists(f)]}")

    def receive(self, *names, **options):
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        self.names = names or ("page",)
        self.keys = {name: harness.new_key() for name in self.names}
        self.receiver = self.receiver_config({name: {
            "udp_host": "127.0.0.1", "udp_port": self.port, "key": self.keys[name], "live_seconds": 5, "stale_seconds": 60, **options}
            for name in self.names})
        return self.receiver

    def stream(self, name, source, **options):
        """The part of ddsend's file for a stream."""
        return {"mode": "web", "source": source if re.match(r"https?:", source) else self.web.url(source), "cloud_ip": "127.0.0.1",
                "cloud_port": self.port, "key": self.keys[name], "interval": 0.2, "timeout": 10, "capture_resolution": "640x360",
                **options}

    def start(self, pages, receive=None, env=None, **common):
        """Receiver and sender for {stream: (address or path, {option: value})}."""
        pages = {name: page if isinstance(page, tuple) else (page, {}) for name, page in pages.items()}
        self.receive(*pages, **(receive or {}))
        self.send_streams = {name: self.stream(name, source, **{**common, **options}) for name, (source, options) in pages.items()}
        self.ddsend = self.sender_config(self.send_streams, env=env)
        return self.ddsend

    def restart(self, env=None):
        """ddsend again, after its end. Waits until it is up: the picture that the receiver has may still be the one before."""
        self.ddsend = self.sender_config(self.send_streams, env=env)
        self.ddsend.wait_roles("transmit", *(f"capture {name}" for name in self.send_streams), timeout=20 * harness.stretch())

    def show(self, source, receive=None, **options):
        """Receiver and sender for one page, the stream "page"; waits for its picture."""
        self.start({"page": (source, options)}, receive)
        self.wait_picture()
        return self.ddsend

    def wait_fresh(self, condition, timeout, what, stream="page"):
        """Waits until condition(freshness) holds; that freshness."""
        return self.receiver.wait_freshness(condition, timeout, what, stream)

    def wait_picture(self, stream="page", timeout=30):
        """Waits until a picture is there, and live; its freshness."""
        return self.receiver.wait_freshness(lambda f: f["frame"] and f["state"] == "live" and f["source"] == "ok", timeout,
                                            "a live picture: " + self.ddsend.log()[-2000:], stream)

    def wait_failed(self, stream="page", reason=None, timeout=25):
        """Waits until the stream says that its source failed, for this reason; the freshness."""
        return self.receiver.wait_freshness(
            lambda f: f["source"] == "failed" and (reason is None or f["reason"] in (reason, None)), timeout,
            f"failed for {reason}", stream)

    def wait_said(self, pattern, timeout=15):
        """Waits for a line in ddsend's log."""
        return self.ddsend.wait_log(pattern, timeout)

    def jpeg(self, stream="page"):
        answer = self.receiver.get(f"/{stream}/snapshot.jpg?raw=1")
        self.assertEqual(answer.status, 200, f"a picture of {stream}")
        return answer.body

    def try_jpeg(self, stream="page"):
        try:
            answer = self.receiver.get(f"/{stream}/snapshot.jpg?raw=1")
        except (OSError, http.client.HTTPException):
            return None
        return answer.body if answer.status == 200 else None

    def picture(self, stream="page"):
        return Picture(self.jpeg(stream))

    def cells(self, stream="page", top=200):
        """The cells of the newest picture; None if it has none, or there is none."""
        jpeg = self.try_jpeg(stream)
        return cells_of(jpeg, top) if jpeg else None

    def wait_cells(self, condition, timeout, what, stream="page", top=200):
        """Waits until the newest picture's cells are so; those cells."""
        seen = [None]

        def check():
            self.ddsend._must_run()
            seen[0] = self.cells(stream, top)
            return seen[0] if seen[0] and condition(seen[0]) else None
        return harness.wait_until(check, timeout, lambda: f"{what}; the cells are {seen[0]}, the log ends {self.ddsend.log()[-2000:]}")

    def wait_colour(self, x, y, colour, timeout=10, stream="page"):
        seen = [None]

        def check():
            jpeg = self.try_jpeg(stream)
            if jpeg:
                picture = Picture(jpeg)
                seen[0] = picture.at(x, y) if x < picture.width and y < picture.height else (picture.width, picture.height)
            return seen[0] and len(seen[0]) == 3 and is_near(seen[0], colour)
        harness.wait_until(check, timeout, lambda: f"{colour} at {x},{y}; it is {seen[0]}")

    def wait_size(self, width, height, timeout=10, stream="page"):
        seen = [None]

        def check():
            jpeg = self.try_jpeg(stream)
            seen[0] = harness.jpeg_size(jpeg) if jpeg else None
            return seen[0] == (width, height)
        harness.wait_until(check, timeout, lambda: f"a picture of {width}x{height}; it is {seen[0]}")

    def watch(self, stream="page"):
        """A viewer that keeps what it gets; see Viewer."""
        viewer = Viewer(self.receiver.http_port, f"/{stream}/stream?raw=1")
        self.addCleanup(viewer.stop)
        return viewer

    def collect(self, seconds, stream="page"):
        """Different pictures that a viewer gets in a while: [(when they came, JPEG)]."""
        viewer = self.watch(stream)
        self.wait_seconds(seconds)
        return viewer.stop()

    def frames_complete(self, stream="page"):
        return self.receiver.stats(stream)["total"]["frames_complete"]

    def check_edges(self, picture, message=""):
        """A page with edges fills the picture, and nothing covers them."""
        w, h = picture.width, picture.height
        for part in range(1, 16):
            self.assertTrue(picture.near(3, h * part / 16, "#f00"), f"left edge {message}: {picture.at(3, h * part / 16)}")
            self.assertTrue(picture.near(w - 4, h * part / 16, "#0f0"), f"right edge {message}: {picture.at(w - 4, h * part / 16)}")
            self.assertTrue(picture.near(w * part / 16, 3, "#00f"), f"upper edge {message}: {picture.at(w * part / 16, 3)}")
            self.assertTrue(picture.near(w * part / 16, h - 4, "#ff0"), f"lower edge {message}: {picture.at(w * part / 16, h - 4)}")

    # processes

    def wait_new_pictures(self, timeout=30, stream="page", margin=100):
        """Waits for pictures of the page as it is now."""
        self.wait_fresh(lambda f: f["source"] == "ok" and f["state"] == "live", timeout,
                                     "live: " + self.ddsend.log()[-2000:], stream)
        return self.wait_cells(lambda c: abs(count_now() - c.count) < margin, timeout, "the page of now", stream)

    def browser(self):
        """The processes of ddsend's browsers: {pid: title}."""
        found = browser_processes(self.ddsend.pid)
        self.folders |= profile_folders(self.ddsend.pid)
        return found

    def browser_of(self, stream):
        role = self.ddsend.roles().get("capture " + stream)
        return browser_processes(role) if role else {}

    def capture(self, stream="page"):
        return self.ddsend.roles()["capture " + stream]

    def assert_gone(self, pids, timeout=5):
        harness.wait_until(lambda: not any(harness.alive(pid) for pid in pids), timeout,
                           lambda: f"an end of {[(p, harness.title(p)[:150]) for p in pids if harness.alive(p)]}")

    def assert_folders_gone(self, folders, timeout=5):
        harness.wait_until(lambda: not any(map(os.path.exists, folders)), timeout,
                           lambda: f"an end of {[f for f in folders if os.path.exists(f)]}")

    def wait_seconds(self, seconds):
        """Lets a stretch of time pass in which something must not happen."""
        end = time.monotonic() + seconds
        harness.wait_until(lambda: time.monotonic() >= end, seconds + 1, "time")


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

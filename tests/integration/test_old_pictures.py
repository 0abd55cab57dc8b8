"""A viewer that was away, or whose line is slow: how old are the pictures that it gets? Directly, and through proxies with the
settings that config/ has for them. The pictures have 64 KB and more."""
import datetime
import os
import selectors
import socket
import time

import harness
import network
import proxies

SYSCTL = os.path.join(harness.SOURCE, "config", "sysctl-proxy.conf")
INTERVAL = 0.2
PICTURE = 64000  # bytes at least
RECEIVE_BUFFER = 1 << 17  # of a viewer; Linux begins with as much, and lets it grow while a program reads fast
AWAY = 12  # seconds for which a viewer does not read
WATCHED = 32  # seconds for which the slow line is watched
UNREAD = 30  # seconds after which a viewer that takes nothing is cut off
LINE = {"rate": "200kbit", "burst": "10kb", "latency": "500ms"}
LATE = 12  # seconds by which a picture on this line may be late


class Viewer:
    """Reads /stream, the header of each part only. Its parts are (when it was complete, when it was captured, its X-State)."""
    def __init__(self, test, address, name):
        self.name, self.parts, self.data, self.skip = name, [], b"", 0
        self.head = None  # of the part that is arriving
        self.started = self.closed = False
        self.socket = socket.socket()
        test.addCleanup(self.socket.close)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER // 2)  # which the kernel doubles
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.socket.sendall(b"GET /stream HTTP/1.0\r\nHost: pictures\r\n\r\n")
        self.socket.setblocking(False)

    def read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        self.closed = not data
        self.data += data
        while self._step():
            pass

    def _step(self):
        """Takes the next piece out of self.data; False if it has not all arrived."""
        if self.head:
            used = min(self.skip, len(self.data))
            self.data, self.skip = self.data[used:], self.skip - used
            if self.skip:
                return False
            self.parts.append((time.time(), *self.head))
            self.head = None
            return True
        text, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return False
        self.data = rest
        if not self.started:
            assert b" 200 " in text.split(b"\r\n")[0], text
            self.started = True
            return True
        fields = dict(line.split(": ", 1) for line in text.decode().split("\r\n") if ": " in line)
        self.skip = int(fields["Content-Length"])
        assert self.skip >= PICTURE, f"a picture of {self.skip} bytes"
        self.head = (datetime.datetime.strptime(fields["X-Captured-At"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp(), fields["X-State"])
        return True


def read_until(viewers, condition, deadline):
    """Reads what arrives for viewers until condition() or deadline."""
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            selector.register(viewer.socket, selectors.EVENT_READ, viewer)
        while not condition() and time.time() < deadline:
            for key, _ in selector.select(0.1):
                key.data.read()
                if key.data.closed:
                    selector.unregister(key.fileobj)


class OldPicturesTest(harness.Test):
    def start(self):
        """The ways to the pictures: {name: port}."""
        for name in ("nginx", "caddy"):
            harness.require_program(name)
        network.enter()
        network.sysctl_file(SYSCTL)
        key, ports = self.key_file(), [harness.free_port(socket.SOCK_DGRAM) for _ in range(2)]
        self.direct = self.receiver_stream(ports[0], key, "--http-host", "0.0.0.0")
        path = self.path("http.sock")
        self.behind = self.receiver("--udp-host", "127.0.0.1", "--udp-port", ports[1], "--key-file", key, "--http-host",
                                    "unix:" + path, "--state-dir", self.path("behind"), wait=False)
        self.behind.wait_log("unix:" + path)
        self.sender("--mode", "test", "--capture-resolution", "1280x720", "--jpeg-quality", 85, "--interval", INTERVAL,
                    "--cloud-ip", ",".join(f"127.0.0.1:{port}" for port in ports), "--key-file", key)
        self.behind.http_port = proxies.nginx(self, path)
        ways = {"directly": self.direct.http_port, "through nginx": self.behind.http_port,
                "through Caddy": proxies.caddy(self, path)}
        self.direct.wait_live()
        self.behind.wait_live()
        return ways

    def test_a_viewer_that_was_away_and_one_on_a_slow_line(self):
        ways = self.start()
        for name, port in ways.items():
            Viewer(self, ("127.0.0.1", port), name)  # never reads
        begun = time.time()
        away = [Viewer(self, ("127.0.0.1", port), name) for name, port in ways.items()]
        slow = [self.at_a_slow_line(port, name) for name, port in ways.items()]
        read_until(away + slow, lambda: all(len(viewer.parts) >= 10 for viewer in away), begun + 20)
        read_until(slow, lambda: False, time.time() + AWAY)
        for viewer in away:
            self.come_back(viewer)
        read_until(slow, lambda: False, begun + WATCHED)
        self.look_at_slow(slow)
        self.look_at_unread(slow)

    def at_a_slow_line(self, port, name):
        """A viewer with a line of its own."""
        line = network.Line()
        line.limit(**LINE)
        return line.call(lambda: Viewer(self, (line.near, port), name))

    def come_back(self, viewer):
        """Of what it gets now, few parts are old; then comes the newest."""
        before, now = len(viewer.parts), time.time()
        fresh = now - 1 * harness.stretch()
        read_until([viewer], lambda: len(viewer.parts) > before and viewer.parts[-1][1] >= fresh, now + 20)
        parts = viewer.parts[before:]
        ages = [round(now - captured, 1) for _, captured, _ in parts]
        old = sum(captured < fresh for _, captured, _ in parts)
        print(f"{viewer.name}: {old} old parts after {AWAY} s away", flush=True)
        self.assertGreaterEqual(parts[-1][1], fresh, f"{viewer.name}: ages {ages}")
        self.assertLessEqual(old, 3 if viewer.name == "directly" else 12, f"{viewer.name}: ages {ages}")

    def look_at_slow(self, slow):
        for viewer in slow:
            late = [complete - captured for complete, captured, _ in viewer.parts]
            print(f"{viewer.name}: {len(late)} parts on {LINE}, late by {max(late, default=0):.1f} s at most", flush=True)
            self.assertGreaterEqual(len(late), 2, viewer.name)
            self.assertLessEqual(max(late), LATE, viewer.name)

    def look_at_unread(self, slow):
        """They were cut off, and the log says who; the slow ones were not."""
        limit = UNREAD + 10
        self.direct.wait_log(r"cut off the viewer of stream at 127\.0\.0\.1: it took nothing for 30 s", limit)
        self.behind.wait_log(r"cut off the viewer of stream at 127\.0\.0\.1 \(behind a proxy\): it took nothing for 30 s", limit)
        self.assertFalse(any(viewer.closed for viewer in slow))


if __name__ == "__main__":
    harness.main()

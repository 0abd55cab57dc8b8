"""The mark in the pixels of pictures that are not live, as pages show it that embed /stream and /snapshot.jpg."""
import socket
import subprocess
import threading
import time

import harness

YELLOW, RED = (242, 184, 75), (242, 104, 106)
COLOURS = {"stalled": YELLOW, "stale": RED}
SIZE = (640, 360)


def decode(jpeg):
    """Rows of (r, g, b)."""
    width, height = harness.jpeg_size(jpeg)
    return rows_of(harness.decode_jpeg(jpeg), width, height)


def rows_of(raw, width, height):
    assert len(raw) >= width * height * 3, f"{len(raw)} bytes are no {width}x{height}"
    return [[tuple(raw[3 * (y * width + x):3 * (y * width + x) + 3]) for x in range(width)] for y in range(height)]


def near(pixel, colour):
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour))


def mark_of(rows):
    """"stalled" or "stale", by the colour of the upper edge and the border, with dark text in the band; None: not marked."""
    width, height = len(rows[0]), len(rows)
    edges = [rows[0][x] for x in range(0, width, 7)] + [rows[y][0] for y in range(0, height, 7)] + \
            [rows[y][width - 1] for y in range(0, height, 7)] + [rows[height - 1][x] for x in range(0, width, 7)]
    for state, colour in COLOURS.items():
        if all(near(pixel, colour) for pixel in edges):
            ink = sum(sum(pixel) < 150 for row in rows[:height // 8] for pixel in row)
            return state if ink > width * height // 8 * 0.05 else state + " without words"
    return None


class Viewer(threading.Thread):
    """Reads a stream of pictures until it is closed; parts are (time, state, frame, jpeg)."""

    def __init__(self, test, port, path):
        super().__init__(daemon=True)
        self.mjpeg, self.parts = harness.Mjpeg(port, path), []
        test.addCleanup(self.mjpeg.close)
        self.start()

    def run(self):
        try:
            for headers, jpeg in self.mjpeg:
                self.parts.append((time.monotonic(), headers["x-state"], int(headers["x-frame"]), jpeg))
        except (OSError, ValueError, AttributeError):
            pass  # closed

    def last(self):
        return self.parts[-1]

    def wait(self, state, timeout):
        return harness.wait_until(lambda: next((p for p in reversed(self.parts) if p[1] == state), None), timeout, state)


class StaleMarkTest(harness.Test):
    def receive(self, **options):
        self.port, self.secret = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        self.key = self.key_file(key=self.secret)
        self.ddrecv = self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": self.port, "key_file": self.key,
                                                    "live_seconds": 1, "stale_seconds": 9, **options}})
        return self.ddrecv

    def send(self):
        sender = self.card(self.port, self.key, "--capture-resolution", "%dx%d" % SIZE)
        self.ddrecv.wait_live("cam")
        return sender

    def raw_frame(self, number):
        return self.ddrecv.get(f"/cam/frames/{number}.jpg").body

    def test_all_who_embed_it_see_it_and_see_it_go(self):
        receiver = self.receive()
        sender = self.send()
        viewers = {path: Viewer(self, receiver.http_port, "/cam/stream" + path) for path in ("", "?fps=0.1", "?raw=1")}
        for viewer in viewers.values():
            self.assertIsNone(mark_of(decode(viewer.wait("live", 5)[3])))
        live = receiver.get("/cam/snapshot.jpg")
        self.assertEqual(live.body, self.raw_frame(live.headers["ETag"].strip('"')))

        sender.stop()
        tags, marks = set(), set()
        for state in ("stalled", "stale"):
            receiver.wait_freshness(lambda f, state=state: f["state"] == state, 20, state, "cam")
            known = time.monotonic()
            for path, viewer in viewers.items():
                part = viewer.wait(state, 3)
                self.assertLess(part[0] - known, 3 * harness.stretch(), path)
                self.assertEqual(mark_of(decode(part[3])), None if "raw" in path else state, path)
                if "raw" in path:
                    self.assertEqual(part[3], self.raw_frame(part[2]))
            marked = receiver.get("/cam/snapshot.jpg")
            # on a busy machine the state may have moved on meanwhile
            self.assertIn(mark_of(decode(marked.body)), (state, receiver.freshness("cam")["state"]))
            marks.add(mark_of(decode(marked.body)))
            self.assertEqual(harness.jpeg_size(marked.body), SIZE)
            raw = receiver.get("/cam/snapshot.jpg?raw=1")
            self.assertEqual(raw.body, self.raw_frame(viewers[""].last()[2]))
            self.assertEqual(raw.headers["Last-Modified"], marked.headers["Last-Modified"])
            tags |= {raw.headers["ETag"], marked.headers["ETag"]}
            self.assertEqual(receiver.get("/cam/snapshot.jpg", {"If-None-Match": raw.headers["ETag"]}).status, 200)
            self.assertIsNone(mark_of(decode(self.raw_frame(viewers[""].last()[2]))))
        self.assertGreaterEqual(len(tags), 1 + len(marks))
        self.embed(receiver, "stale")

        counts = {path: len(viewer.parts) for path, viewer in viewers.items()}
        self.send()
        known = time.monotonic()
        for path, viewer in viewers.items():
            part = harness.wait_until(lambda: next((p for p in viewer.parts[counts[path]:] if p[1] == "live"), None), 3, "live")
            self.assertLess(part[0] - known, 3 * harness.stretch(), path)
            self.assertEqual(part[3], self.raw_frame(part[2]))
        self.assertNotIn("-", receiver.get("/cam/snapshot.jpg").headers["ETag"])
        for path, viewer in viewers.items():
            changes = [pair for pair in zip(viewer.parts, viewer.parts[1:]) if pair[0][1] != pair[1][1]]
            self.assertEqual([after[1] for _, after in changes][:2], ["stalled", "stale"])
            for _, state, _, jpeg in (part for pair in changes for part in pair):
                self.assertEqual(mark_of(decode(jpeg)), None if state == "live" or "raw" in path else state, path)

    def embed(self, receiver, state):
        """With other people's programs."""
        url = f"http://127.0.0.1:{receiver.http_port}/cam"
        harness.require_program("curl")
        jpeg = subprocess.run(["curl", "-sS", "--fail", f"{url}/snapshot.jpg"], stdout=subprocess.PIPE, check=True, timeout=20).stdout
        self.assertEqual(mark_of(decode(jpeg)), state)
        raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", f"{url}/stream", "-frames:v", "2", "-f", "rawvideo",
                              "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE, check=True, timeout=20).stdout
        self.assertEqual(mark_of(rows_of(raw, *SIZE)), state)

    def test_it_can_be_switched_off(self):
        receiver = self.receive(stale_mark=False)
        self.send().stop()
        receiver.wait_freshness(lambda f: f["state"] == "stalled", 20, "stalled", "cam")
        with harness.Mjpeg(receiver.http_port, "/cam/stream") as viewer:
            headers, jpeg = next(viewer)
        self.assertEqual(headers["x-state"], "stalled")
        self.assertEqual(jpeg, self.raw_frame(headers["x-frame"]))
        self.assertEqual(receiver.get("/cam/snapshot.jpg").body, jpeg)

    def test_a_damaged_picture_does_not_pass_for_live(self):
        receiver = self.receive()
        forge = harness.Forge(self, self.port, self.secret)
        whole = harness.make_jpeg(320, 240, "blue")
        start = whole[:len(whole) * 2 // 3].rstrip(b"\xff")
        forge.frame(start, 6)  # its end is missing: this is refused
        forge.frame(start + b"Z" * (len(whole) - len(start) - 2) + whole[-2:], 7)
        forge.status(frame=8)  # a newer one was lost
        harness.wait_until(lambda: forge.status(frame=8) or receiver.freshness("cam")["state"] == "stalled", 10, "stalled")
        marked = receiver.get("/cam/snapshot.jpg").body
        self.assertEqual(mark_of(decode(marked)), "stalled")
        self.assertEqual(harness.jpeg_size(marked), (320, 240))
        stats = receiver.stats("cam")["total"]
        self.assertEqual((stats["frames_bad"], stats["frames_complete"]), (1, 1))

    def test_refuses_what_it_does_not_know(self):
        receiver = self.receive()
        self.assertEqual(receiver.get("/cam/snapshot.jpg?raw=yes").status, 400)
        with self.assertRaisesRegex(AssertionError, "400"):
            harness.Mjpeg(receiver.http_port, "/cam/stream?raw=2").close()


if __name__ == "__main__":
    harness.main()

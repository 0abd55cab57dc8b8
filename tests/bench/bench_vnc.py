"""What a VNC desktop costs ddsend, against ffmpeg that grabs the same screen at the same time, and how fast a change shows."""
import os
import socket
import statistics
import time

import bench
import vnc_servers
import harness

SIZE = "1920x1080"
# a line of text, ten times a second on the beat, in a window that scrolls
SCROLL = """import time
start, i = time.monotonic(), 0
while True:
    i += 1
    print(i, "0123456789 the quick brown fox jumps over the lazy dog " * 3, flush=True)
    time.sleep(max(0, start + i * 0.1 - time.monotonic()))
"""


class VncBench(bench.Bench):
    def setUp(self):
        super().setUp()
        vnc_servers.require()

    def start(self, interval, *arguments):
        self.desktop = vnc_servers.Tiger(self, size=SIZE)
        self.desktop.fill("#304050")
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        self.receiver_ = self.receiver_stream(port, key)
        self.sender_ = self.sender("--mode", "vnc", "--source", f"127.0.0.1::{self.desktop.port}", "--interval", interval,
                                   "--capture-resolution", "source", "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file",
                                   key, "--quiet", *arguments)
        self.receiver_.wait_live()

    def test_idle(self):
        """Desktop, 1920x1080, idle"""
        self.start(0.1)
        bench.pause(12)  # the first refresh is through
        ours = []
        for _ in range(bench.RUNS):
            mine = bench.cpu_seconds(self.sender_.pid)
            bench.pause(bench.SECONDS)
            ours.append(100 * (bench.cpu_seconds(self.sender_.pid) - mine) / bench.SECONDS)
        cost = bench.report("--interval 0.1: ddsend, refreshes included", ours, "% of a core", "< 1")
        self.assertLess(cost, 1)

    def test_scrolling(self):
        """Desktop, 1920x1080, text that scrolls at 10 Hz, --interval 0.1"""
        self.start(0.1)
        self.desktop.start("xterm", "-fa", "Mono", "-fs", "11", "-geometry", "160x50+100+50", "-e", harness.PYTHON, "-c", SCROLL)
        ffmpeg = self.desktop.start("ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-f", "x11grab", "-framerate", "10",
                                    "-video_size", SIZE, "-i", f":{self.desktop.number}", "-threads", "1", "-q:v", "6", "-f", "mjpeg",
                                    "/dev/null")
        bench.pause(3)
        ours, theirs, ratios, rates = [], [], [], []
        for _ in range(bench.RUNS):
            frames, mine, peer = (self.receiver_.stats()["total"]["frames_complete"], bench.cpu_seconds(self.sender_.pid),
                                  bench.cpu_seconds(ffmpeg.pid))
            start = time.monotonic()
            bench.pause(bench.SECONDS)
            seconds = time.monotonic() - start
            rates.append((self.receiver_.stats()["total"]["frames_complete"] - frames) / seconds)
            ours.append((bench.cpu_seconds(self.sender_.pid) - mine) / seconds)
            theirs.append((bench.cpu_seconds(ffmpeg.pid) - peer) / seconds)
            ratios.append(ours[-1] / theirs[-1])
        bench.report("ddsend", ours, "of a core")
        bench.report("ffmpeg -f x11grab", theirs, "of a core")
        ratio = bench.report("ddsend / ffmpeg", ratios, "", "< 1")
        rate = bench.report("pictures that arrive", rates, "per second", "10")
        self.assertLess(ratio, 1)
        self.assertGreater(rate, 9.5)

    def test_latency(self):
        """Desktop, 1920x1080, from a change to a viewer, --interval 0.05"""
        self.start(0.05)
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        self.desktop.start("xterm", "-geometry", "160x50+100+50", "-e", "cat", pipe)
        delays = []
        with open(pipe, "w") as terminal, harness.Mjpeg(self.receiver_.http_port, "/stream?raw=1") as viewer:
            bench.pause(3)
            self.quiet(viewer)
            for i in range(20 * bench.RUNS):
                shown = self.receiver_.freshness()["frame"]
                time.sleep(0.15 + i % 7 * 0.013)  # at any phase
                begun = time.monotonic()
                print("\033[H\033[4" + str(i % 7 + 1) + "m\033[J" + "what has changed " * 100, file=terminal, flush=True)
                for headers, _ in viewer:
                    if int(headers["x-frame"]) != shown:
                        break
                delays.append(1000 * (time.monotonic() - begun))
                bench.pause(0.15)  # what the terminal drew in more than one go is through as well
                self.quiet(viewer)
        median = bench.report("median", [statistics.median(delays)], "ms", "< 150")
        bench.report("95 of 100 within", [sorted(delays)[len(delays) * 95 // 100]], "ms")
        self.assertLess(median, 150)

    def quiet(self, viewer):
        """Reads until the viewer has what the receiver has."""
        for headers, _ in viewer:
            if int(headers["x-frame"]) == self.receiver_.freshness()["frame"]:
                return


if __name__ == "__main__":
    harness.main()

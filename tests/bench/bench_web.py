"""What a web page costs ddsend and its browser together, and how fast its pictures follow."""
import socket
import statistics
import time

import bench
import harness
import webharness


class WebBench(bench.Bench):
    def setUp(self):
        super().setUp()
        self.web = webharness.WebServer(self)

    def receive(self):
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        self.ddrecv = self.receiver_stream(self.port, self.key)

    def send(self, path, interval, *arguments):
        return self.sender("--mode", "web", "--source", self.web.url(path), "--interval", interval, "--cloud-ip", "127.0.0.1",
                           "--cloud-port", self.port, "--key-file", self.key, *arguments)

    def cost(self, sender, seconds):
        """(of a core, of that the browser, pictures a second, bit a second) over a while."""
        def now():
            stats = self.ddrecv.stats()["total"]
            return (bench.cpu_seconds(sender.pid), sum(t for p in webharness.browser_processes(sender.pid) for _, t in bench.thread_times(p).values()),
                    stats["frames_complete"], 8 * stats["bytes_received"], time.monotonic())
        before = now()
        bench.pause(seconds)
        after = now()
        return [(b - a) / (after[4] - before[4]) for a, b in zip(before[:4], after[:4])]

    def check_moving(self, path, note, *arguments):
        self.receive()
        sender = self.send(path, 0, *arguments)
        self.ddrecv.wait_live(timeout=40)
        bench.pause(3)
        measured = [self.cost(sender, bench.SECONDS) for _ in range(bench.RUNS)]
        rate = bench.report(f"{note}: pictures that arrive", [m[2] for m in measured], "per second", ">= 20")
        bench.report(f"{note}: ddsend and browser", [m[0] for m in measured], "of a core")
        bench.report(f"{note}: browser alone", [m[1] for m in measured], "of a core")
        bench.report(f"{note}: on the wire", [m[3] / 1e6 for m in measured], "Mbit/s")
        ages = []
        with harness.Mjpeg(self.ddrecv.http_port, "/stream?raw=1") as viewer:
            seen = []
            for headers, body in viewer:
                seen.append((time.time(), body))
                if len(seen) == 60:
                    break
        if "element" not in path:
            for (at, _), cells in zip(seen, webharness.read_series([jpeg for _, jpeg in seen])):
                ages.append((at * 25 - cells.count) % 2 ** 24 / 25 * 1000)
            bench.report(f"{note}: from the page to the viewer", [statistics.median(ages)], "ms")
        self.assertEqual(sender.stop(), 0)
        self.ddrecv.stop()
        return rate

    def test_moving(self):
        """A page that changes 25 times a second, 1280x720, --interval 0"""
        self.assertGreaterEqual(self.check_moving("/counter?draws=25&cell=24", "whole page"), 20)

    def test_moving_dashboard(self):
        """A full dashboard of which a part changes 25 times a second, 1280x720, --interval 0"""
        self.assertGreaterEqual(self.check_moving("/busy?draws=25&cell=24", "dashboard"), 20)

    def test_moving_element(self):
        """An element of 640x360 of it, by screenshots, --interval 0"""
        self.check_moving("/element?cell=12&draws=25", "element", "--web-capture-element", "#box")

    def test_static(self):
        """A dashboard that does not change, 1280x720, --interval 5"""
        self.receive()
        sender = self.send("/static?cell=24", 5)
        self.ddrecv.wait_live(timeout=40)
        bench.pause(15)
        measured = [self.cost(sender, 30) for _ in range(max(1, bench.RUNS // 2))]
        cpu = bench.report("ddsend and browser", [100 * m[0] for m in measured], "% of a core", "< 2")
        bench.report("browser alone", [100 * m[1] for m in measured], "% of a core")
        bench.report("on the wire, the picture again every 10 s", [m[3] / 1000 for m in measured], "kbit/s")
        self.assertLess(cpu, 2)

    def test_static_without_refresh(self):
        """The same with --refresh-interval 0"""
        self.receive()
        sender = self.send("/static?cell=24", 5, "--refresh-interval", 0)
        self.ddrecv.wait_live(timeout=40)
        bench.pause(15)
        measured = [self.cost(sender, 30)]
        bench.report("ddsend and browser", [100 * m[0] for m in measured], "% of a core", "< 2")
        self.assertLess(bench.report("on the wire", [m[3] / 1000 for m in measured], "kbit/s", "< 2"), 2)

    def test_first_picture(self):
        """From the start of ddsend to the first picture at a viewer, the browser in the page cache"""
        for path in ("/counter?cell=24", "/static?cell=24"):
            taken = []
            for run in range(bench.RUNS + 1):
                self.receive()
                start = time.monotonic()
                sender = self.send(path, 5, "--state-dir", self.path(f"send-{path[1:]}-{run}"))
                harness.wait_until(lambda: self.ddrecv.get("/snapshot.jpg").status == 200, 60, "a picture")
                taken.append(time.monotonic() - start)
                self.assertEqual(sender.stop(), 0)
                self.ddrecv.stop()
            first = bench.report(f"{path}: first picture", taken[1:], "s", "<= 3")
            self.assertLessEqual(first, 3)


if __name__ == "__main__":
    harness.main()

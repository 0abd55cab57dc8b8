"""Pictures of web pages: whole, sharp, each shown once, and as old as they say."""
import datetime
import shutil
import time

import harness
import webharness


class PicturesTest(webharness.Test):
    def newest(self, stream="page"):
        """Cells of the newest picture, and when it says it was taken, in seconds since 1970."""
        while True:
            before, jpeg, after = self.receiver.freshness(stream), self.jpeg(stream), self.receiver.freshness(stream)
            if before["frame"] == after["frame"]:
                taken = datetime.datetime.fromisoformat(before["captured_at"].replace("Z", "+00:00"))
                return webharness.cells_of(jpeg), taken.timestamp()

    def test_a_page_is_whole_and_its_pictures_follow_it(self):
        self.show("/counter?draws=25", interval=0)
        picture = self.picture()
        self.assertEqual((picture.width, picture.height), (640, 360))
        self.check_edges(picture)
        self.wait_cells(lambda c: c.count, 10, "cells")
        series = self.collect(5)
        cells = webharness.read_series([jpeg for _, jpeg in series])
        counts = [c.count for c in cells]
        self.assertEqual({c.load for c in cells}, {1}, "it is opened once, and stays open")
        self.assertEqual(sorted(set(counts)), counts, "each of its pictures once, in their order")
        self.assertGreater(len(counts), 30 / harness.stretch(), "pictures in 5 s of a page that changes 25 times a second")
        ages = sorted(at - c.count / 25 % 2 ** 24 for (at, _), c in zip(series, cells))
        base = int(time.time() * 25) // 2 ** 24 * 2 ** 24 / 25
        self.assertLess(ages[len(ages) // 2] - base, 0.7 * harness.stretch(), "seconds from the page to the viewer")
        self.assertEqual(len(self.web.requests("/counter")), 1)

    def test_one_picture_per_interval(self):
        self.show("/counter?draws=25", interval=1)
        series = self.collect(6.5)
        self.assertIn(len(series), (6, 7, 8))
        counts = [c.count for c in webharness.read_series([jpeg for _, jpeg in series])]
        for before, after in zip(counts[1:], counts[2:]):
            self.assertTrue(abs(after - before - 25) <= 6 * harness.stretch(), f"a second has 25 ticks: {counts}")

    def test_pictures_are_as_old_as_they_say(self):
        """Of the screencast, of screenshots, and of a page that was frozen in between."""
        self.start({"cast": ("/counter", {"interval": 0}), "shots": ("/counter", {"interval": 2}),
                    "paused": ("/counter", {"interval": 5, "pause_browser": True})})
        for name in self.names:
            with self.subTest(name):
                self.wait_picture(name)
                seen = set()

                def three():
                    cells, taken = self.newest(name)
                    if cells and taken not in seen:
                        count = int(taken * 25) % 2 ** 24
                        # it may say that it is a bit older than it is, not the reverse
                        self.assertTrue(-75 * harness.stretch() <= count - cells.count <= 15, f"{count - cells.count} ticks of 40 ms before it was taken")
                        seen.add(taken)
                    return len(seen) >= 3
                harness.wait_until(three, 25, "three pictures")

    def test_a_page_sleeps_between_pictures(self):
        """pause_browser: no script runs, and no request is made, but around a picture."""
        self.start({"paused": ("/beats?who=paused", {"interval": 6, "pause_browser": True}),
                    "awake": ("/beats?who=awake", {"interval": 6})})
        for name in self.names:
            self.wait_picture(name)
        first = {name: self.receiver.freshness(name)["frame"] for name in self.names}
        for name in self.names:
            self.wait_fresh(lambda f: f["frame"] > first[name] + 1, 20, "two more pictures", name)
        gaps = {}
        for name in self.names:
            times = [r["at"] for r in self.web.requests("/beat") if r["query"] == "who=" + name]
            self.assertGreater(len(times), 5, name)
            gaps[name] = max(b - a for a, b in zip(times, times[1:]))
        self.assertGreater(gaps["paused"], 4)
        self.assertLess(gaps["awake"], min(4, 2.5 * harness.stretch()))

    def test_sizes(self):
        """capture_resolution is the window's size, without scroll bars."""
        sizes = {"small": (640, 360), "odd": (1001, 563), "tall": (720, 1280), "large": (1920, 1080)}
        self.start({name: (f"/look?{name}", {"capture_resolution": f"{w}x{h}", "interval": 0.5})
                    for name, (w, h) in sizes.items()})
        for name, (w, h) in sizes.items():
            with self.subTest(name):
                self.wait_picture(name)
                picture = self.picture(name)
                self.assertLessEqual(max(abs(picture.width - w), abs(picture.height - h)), 1, (picture.width, picture.height))
                self.check_edges(picture, name)
        reported = {(r["width"], r["height"]): r for r in self.web.reports("/look")}
        self.assertEqual(set(reported), set(sizes.values()))
        for report in reported.values():
            self.assertEqual((report["scrollbar"], report["hidden"], report["ratio"]), (0, False, 1), report)

    def test_every_chromium(self):
        """Debian's two."""
        browsers = [b for b in webharness.BROWSERS if shutil.which(b)]
        if len(browsers) < 2:
            harness.skip("needs " + " and ".join(webharness.BROWSERS))
        self.start({f"b{i}": ("/counter", {"browser": shutil.which(b), "interval": 0.1}) for i, b in enumerate(browsers)})
        for i, browser in enumerate(browsers):
            with self.subTest(browser):
                self.wait_picture(f"b{i}")
                first = self.wait_cells(lambda c: True, 10, "cells", f"b{i}").count
                self.wait_cells(lambda c: c.count > first + 25, 10, "movement", f"b{i}")
                self.check_edges(self.picture(f"b{i}"), browser)

    def test_no_browser(self):
        self.start({"page": ("/counter", {"browser": "/nonexistent/chromium"})})
        self.wait_failed()
        self.wait_said(r"/nonexistent/chromium.*")
        self.assertTrue(self.ddsend.running())


if __name__ == "__main__":
    harness.main()

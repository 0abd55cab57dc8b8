"""One element of a page: sent in its own size, wherever it moves; the whole page while it is missing."""
import time

import harness
import webharness


class ElementTest(webharness.Test):
    def setUp(self):
        super().setUp()
        self.web.set(x=100, y=100, w=400, h=200)

    def check_box(self, stream, width, height):
        self.wait_size(width, height, 15, stream)
        self.wait_colour(width - 5, height - 5, "#00f", stream=stream)
        picture = self.picture(stream)
        for x, y in ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5)):
            self.assertTrue(picture.near(x, y, "#00f"), f"{stream}: {picture.at(x, y)} at {x},{y} of {width}x{height}")
        first = self.wait_cells(lambda c: True, 10, "cells", stream).count
        self.wait_cells(lambda c: c.count > first + 10, 10, "movement", stream)

    def test_it_is_followed(self):
        element = {"web_capture_element": "#box"}
        self.start({"often": ("/element?cell=8", {**element, "interval": 0.2}), "seldom": ("/element?cell=8", {**element, "interval": 2}),
                    "zoomed": ("/element?cell=8", {**element, "interval": 0.5, "page_zoom": 1.5})}, {"live_seconds": 5})
        streams = ("often", "seldom")
        for name in self.names:
            self.wait_picture(name)
        for name in streams:
            self.check_box(name, 400, 200)
        self.check_box("zoomed", 600, 300)
        self.web.set(x=150, y=1800)  # far below the window
        self.wait_seconds(0.5)
        for name in streams:
            self.check_box(name, 400, 200)
        self.web.set(w=480, h=240)
        for name in streams:
            self.check_box(name, 480, 240)
        self.web.set(x=60, y=90, w=400, h=340)
        for name in streams:
            self.check_box(name, 400, 340)

    def test_a_still_one_costs_nothing(self):
        """Also where it has to be scrolled to, or is larger than the window; and it is noticed when it changes."""
        still = {"web_capture_element": "#box", "interval": 0.2}
        self.web.set(x=100, y=1800, w=500, h=300)
        self.start({"below": ("/still-element", still), "large": ("/still-element", {**still, "capture_resolution": "400x200"}),
                    "large-seldom": ("/still-element", {**still, "capture_resolution": "400x200", "interval": 2})})
        for name in self.names:
            self.wait_picture(name)
        self.wait_seconds(3)
        before = {name: (webharness.cpu_seconds(self.browser_of(name)), time.monotonic()) for name in self.names}
        self.wait_seconds(5)
        for name in self.names:
            spent, begin = before[name]
            cost = (webharness.cpu_seconds(self.browser_of(name)) - spent) / (time.monotonic() - begin)
            print(f"{name}: its browser takes {100 * cost:.1f} % of a core")
            self.assertLess(cost, 0.1 * min(harness.stretch(), 3), name)  # caches are cold on a busy machine
        self.web.control("beat", on=1)
        for name in self.names:  # before any of them is looked at in any case
            self.wait_colour(200, 100, "#0f0", 6, name)

    def test_what_is_beside_it_is_never_seen(self):
        """Where the page scrolls back at once, and where a part of it has to scroll."""
        box = {"web_capture_element": "#box"}
        self.start({"pinned": ("/pinned", {**box, "interval": 0.3}), "pinned-seldom": ("/pinned", {**box, "interval": 2}),
                    "inner": ("/inner", {**box, "interval": 0.3})}, {"live_seconds": 8}, capture_resolution="1280x720")
        for name in self.names:
            self.wait_picture(name)
        viewers = {name: self.watch(name) for name in self.names}
        self.wait_seconds(6)
        for name, viewer in viewers.items():
            pictures = viewer.stop()
            self.assertTrue(pictures, name)
            for _, jpeg in pictures:
                picture = webharness.Picture(jpeg)
                self.assertEqual((picture.width, picture.height), (640, 360), name)
                for x, y in ((5, 5), (320, 180), (635, 355)):
                    self.assertTrue(picture.near(x, y, "#00f"), f"{name}: {picture.at(x, y)} at {x},{y}")
            self.assertEqual(self.receiver.freshness(name)["state"], "live", name)

    def test_larger_than_the_window(self):
        self.web.set(w=1400, h=1000)
        self.show("/element?cell=8", web_capture_element="#box", capture_resolution="700x700")
        self.wait_size(700, 500)
        self.assertTrue(self.picture().near(690, 490, "#00f"), self.picture().at(690, 490))

    def test_a_crop_beside_it(self):
        """Nothing is left of the picture until it grows; of all attempts, no page stays open but the last."""
        self.start({"page": ("/element?cell=8", {"web_capture_element": "#box", "crop": "100x100+450+250"})})
        self.wait_failed(timeout=30)
        self.wait_said(r"capture page: .*crop")
        loads = lambda seconds: {r["query"] for r in self.web.requests("/beat") if r["at"] > time.time() - seconds}
        harness.wait_until(lambda: len(loads(60)) >= 2, 30, "a second attempt")
        self.wait_seconds(2.5)
        self.assertLessEqual(len(loads(2)), 1, "pages that are open")
        self.web.set(w=600, h=400)
        self.wait_picture(timeout=60)
        self.wait_size(100, 100)

    def test_a_missing_one(self):
        self.show("/element?cell=8", web_capture_element="#box")
        self.check_box("page", 400, 200)
        self.web.set(shown=0)
        self.wait_size(640, 360)
        self.wait_colour(50, 330, "#f00")
        self.wait_seconds(3)
        warnings = [line for line in self.ddsend.log().splitlines() if "#box" in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.web.set(shown=1)
        self.check_box("page", 400, 200)

    def test_one_that_never_was(self):
        self.start({"none": ("/counter", {"web_capture_element": ".no-such"}),
                    "wrong": ("/counter", {"web_capture_element": "##"})}, interval=0.5)
        self.wait_picture("none")
        self.wait_said(r"capture none: .*\.no-such")
        self.check_edges(self.picture("none"))
        self.wait_said(r"capture wrong: .*##", 20)
        self.browser()


if __name__ == "__main__":
    harness.main()

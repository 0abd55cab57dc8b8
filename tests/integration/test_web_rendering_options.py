"""How pages look: zoom, style, colour scheme, time zone, language, scrolling, fonts."""
import harness
import webharness


class LookTest(webharness.Test):
    def report(self, who):
        """What the page of this mark reported."""
        return harness.wait_until(lambda: [r for r in self.web.reports("/look") if r["mark"] == who], 20, "a report")[-1]

    def test_zoom(self):
        self.start({"plain": ("/look?mark=1", {}), "zoom": ("/look?mark=2&cell=6", {"page_zoom": 2}),
                    "seldom": ("/look?mark=12&cell=6", {"page_zoom": 2, "interval": 2}),
                    "half": ("/look?mark=3&cell=24", {"page_zoom": 0.5})},
                   interval=0.5)
        for name in self.names:
            self.wait_picture(name, 60)
        plain = self.report(1)
        self.assertEqual((plain["width"], plain["height"], plain["scrollbar"], plain["hidden"]), (640, 360, 0, False))
        self.assertEqual((self.report(2)["width"], self.report(12)["width"], self.report(3)["width"]), (320, 320, 1280))
        for _ in range(3):  # pictures come in several ways
            for name in self.names:
                with self.subTest(name):
                    picture = self.picture(name)
                    self.assertEqual((picture.width, picture.height), (640, 360))
                    self.check_edges(picture, name)
            self.wait_seconds(0.5)
        for name in ("zoom", "seldom"):
            self.assertAlmostEqual(self.cells(name).cell, 12, delta=0.5)
            picture = self.picture(name)
            self.assertTrue(picture.near(13, 200, "#f00"), "the left edge is twice as wide")
            self.assertTrue(picture.near(640 - 14, 200, "#0f0"), "and so is the right one")
        self.assertAlmostEqual(self.cells("half", 100).cell, 12, delta=0.5)

    def test_options(self):
        hide = self.write("hide.css", "#menu { display: none }\n/* </style> \\u `${1}` 'x' \"y\" */\n", 0o644)
        self.start({"css": ("/look?mark=4", {"css_file": hide, "reload_interval": "2"}),
                    "dark": ("/look?mark=5", {"color_scheme": "dark"}), "light": ("/look?mark=6", {"color_scheme": "light"}),
                    "abroad": ("/look?mark=7", {"timezone": "Asia/Tokyo", "locale": "de-DE"})}, interval=0.5)
        for name in self.names:
            self.wait_picture(name, 60)
        with self.subTest("css"):
            self.assertTrue(self.picture("light").near(200, 220, "#f00"), "the menu")
            self.assertTrue(self.picture("css").near(200, 220, "#fff"), "no menu")
            first = self.cells("css").load
            self.wait_cells(lambda c: c.load != first, 20, "a reload", "css")
            self.assertTrue(self.picture("css").near(200, 220, "#fff"), "no menu after a reload either")
        with self.subTest("dark"):
            self.assertTrue(self.report(5)["dark"])
            self.assertTrue(self.picture("dark").near(600, 300, "#003", 25))
        with self.subTest("light"):
            self.assertFalse(self.report(6)["dark"])
            self.assertTrue(self.picture("light").near(600, 300, "#fff"))
        with self.subTest("abroad"):
            abroad = self.report(7)
            self.assertEqual((abroad["zone"], abroad["offset"]), ("Asia/Tokyo", -540))
            self.assertEqual((abroad["language"], abroad["number"]), ("de-DE", "1.234,5"))
            asked = [r for r in self.web.requests("/look") if "mark=7" in r["query"]][0]
            self.assertRegex(asked["headers"]["Accept-Language"], r"^de-DE")

    def test_scroll_to(self):
        self.start({"top": ("/bands", {}), "band": ("/bands", {"scroll_to": "#band4", "reload_interval": "2"}),
                    "inner": ("/bands", {"scroll_to": "#inner2"}), "nowhere": ("/bands", {"scroll_to": "#nowhere"})}, interval=0.5,
                   capture_resolution="1280x720")
        for name in self.names:
            self.wait_picture(name, 40)
        self.wait_colour(300, 300, "#f00", stream="top")
        self.wait_colour(300, 20, "#f0f", stream="band")
        self.wait_colour(300, 480, "#f0f", stream="band")
        self.wait_colour(300, 520, "#0ff", stream="band")
        harness.wait_until(lambda: self._has_white("inner"), 10, "the inner box, scrolled")
        self.wait_colour(300, 300, "#f00", stream="nowhere")
        self.wait_said(r"capture nowhere: .*#nowhere")
        before = len(self.web.requests("/bands"))
        harness.wait_until(lambda: len(self.web.requests("/bands")) > before + 1, 20, "two reloads")
        self.wait_colour(300, 20, "#f0f", stream="band")

    def _has_white(self, stream):
        picture = self.picture(stream)
        return any(picture.near(900, y, "#fff", 20) for y in range(0, 720, 20))

    def test_what_no_browser_knows(self):
        """A time zone that Chromium does not have is said; what is no language is refused at the start."""
        self.start({"zone": ("/look?mark=8", {"timezone": "Nowhere/Town"})})
        self.wait_failed("zone")
        self.wait_said(r"capture zone: .*(timezone|time zone|Nowhere/Town)", 25)
        self.refused("ddsend", "--mode", "web", "--source", self.web.url("/"), "--cloud-ip", "127.0.0.1", "--cloud-port", 9,
                     "--key-file", self.path("stream.key"), "--check-config", "--locale", "x", names=["--locale"])
        self.browser()

    def test_fonts(self):
        """Chinese and emoji are signs, and no boxes."""
        self.show("/text", capture_resolution="800x480")
        picture = self.picture()
        chinese = [picture.area(100 * i, 100, 100, 120) for i in range(4)]
        self.assertEqual(len(set(chinese)), 4, "four signs that differ")
        for i in range(4):
            ink = sum(1 for p in chinese[i][::3] if p < 128)
            self.assertGreater(ink, 900, "of black pixels in a sign")
        for i in (4, 5):
            area = picture.area(100 * i, 100, 100, 120)
            colours = sum(1 for p in range(0, len(area), 3) if max(area[p:p + 3]) - min(area[p:p + 3]) > 60)
            self.assertGreater(colours, 1000, "of coloured pixels in an emoji")


if __name__ == "__main__":
    harness.main()

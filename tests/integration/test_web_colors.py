"""The colours of a page, from the browser's PNG to the viewer: as RGB in the ring, or as YCbCr where the picture is changed."""
import os

import PIL.Image

import harness
from test_web_faulty_browser import FakeTest

BARS = [(255, 255, 255), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0), (120, 119, 118)]
SIZE = (640, 360)


class ColoursTest(FakeTest):
    def browser_showing(self, name, mode):
        """A browser that always shows the bars, as PNGs of this mode of Pillow's."""
        browser = self.fake(name, "good")
        image = PIL.Image.new(mode, SIZE)
        for i, colour in enumerate(BARS):
            left, right = (k * SIZE[0] // len(BARS) for k in (i, i + 1))
            image.paste(colour + (128,) if mode == "RGBA" else colour, (left, 0, right, SIZE[1]))
        for i in range(2):
            image.save(os.path.join(self.path("fake-" + name), f"{i}.png"))
        return browser

    def test_bars(self):
        streams = {f"{mode.lower()}-{chroma}{note}": (mode, {"jpeg_subsampling": chroma, **changes})
                   for mode in ("RGB", "RGBA") for chroma in ("420", "444")
                   for note, changes in (("", {}), ("-turned", {"rotate": "180"}))}
        self.start({name: ("/counter", {"browser": self.browser_showing(name, mode), "interval": 1, "jpeg_quality": 90,
                                        "capture_resolution": "1280x720", **options})
                    for name, (mode, options) in streams.items()})
        for name in streams:
            with self.subTest(name):
                self.wait_picture(name)
                picture = self.picture(name)
                self.assertEqual((picture.width, picture.height), SIZE)
                for i, colour in enumerate(reversed(BARS) if "turned" in name else BARS):
                    for y in (0.1, 0.5, 0.9):
                        found = picture.at((i + 0.5) / len(BARS) * picture.width, y * picture.height)
                        self.assertLessEqual(max(abs(a - b) for a, b in zip(found, colour)), 2, f"{found} at bar {i}, not {colour}")


if __name__ == "__main__":
    harness.main()

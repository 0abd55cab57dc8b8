"""The picture pipeline, from a camera that shows known colours to a viewer: right colours, crop, mask and the rest."""
import socket
import subprocess

import harness

# EBU's 100/0/75/0
BARS = [(255, 255, 255), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)]


def run_ffmpeg(arguments, data):
    return subprocess.run(["ffmpeg", "-v", "error", *arguments], input=data, stdout=subprocess.PIPE, check=True, timeout=30).stdout


def decode(jpeg):
    """Width, height and the RGB bytes of a JPEG."""
    width, height = harness.jpeg_size(jpeg)
    rgb = run_ffmpeg(["-f", "mjpeg", "-i", "-", "-sws_flags", "accurate_rnd+full_chroma_int+bitexact", "-f", "rawvideo",
                      "-pix_fmt", "rgb24", "-"], jpeg)
    assert len(rgb) == width * height * 3, (len(rgb), width, height)
    return width, height, rgb


class Picture:
    def __init__(self, jpeg):
        self.width, self.height, self.rgb = decode(jpeg)

    def at(self, x, y):
        """The colour at a place in fractions of the picture."""
        column, row = min(int(x * self.width), self.width - 1), min(int(y * self.height), self.height - 1)
        start = (row * self.width + column) * 3
        return tuple(self.rgb[start:start + 3])


class PictureTest(harness.Test):
    def png(self, rows, width, height):
        """A PNG file: rows of colours, each an equal share of it."""
        lines = [b"".join(bytes(colour) * (width // len(row)) for colour in row) for row in rows]
        raw = b"".join(line * (height // len(rows)) for line in lines)
        name = self.path("picture.png")
        run_ffmpeg(["-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "-", "-frames:v", "1", name], raw)
        return name

    def watch(self, camera, *arguments):
        """A viewer's picture of the camera, with ddsend's arguments."""
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        sender = self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0.2",
                             "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file", key, "--jpeg-quality", "90", *arguments)
        receiver.wait_live()
        picture = Picture(receiver.get("/stream/snapshot.jpg").body)
        sender.stop()
        receiver.stop()
        return picture

    def check_colour(self, picture, x, y, expected, tolerance=6):
        found = picture.at(x, y)
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found, expected)), tolerance, f"{found} at {x}, {y}, not {expected}")


class ColourTest(PictureTest):
    def check_bars(self, caps, size, *arguments):
        width, height = size
        camera = harness.Camera(self, "--image", self.png([BARS], width, height), "--no-clock", "--size", f"{width}x{height}",
                                "--caps", caps, "--bitrate", "12000", "--fps", "10", "--keyint", "5")
        picture = self.watch(camera, *arguments)
        for i, colour in enumerate(BARS):
            for y in (0.1, 0.5, 0.9):
                self.check_colour(picture, (i + 0.5) / len(BARS), y, colour)
        camera.stop()
        return picture

    def test_bt709_limited(self):
        self.check_bars("format=I420,colorimetry=bt709", (1280, 720))

    def test_bt709_limited_scaled_down(self):
        picture = self.check_bars("format=I420,colorimetry=bt709", (1280, 720), "--capture-resolution", "640x360")
        self.assertEqual((picture.width, picture.height), (640, 360))

    def test_bt709_with_full_chroma(self):
        self.check_bars("format=I420,colorimetry=bt709", (1280, 720), "--jpeg-subsampling", "444")

    def test_bt601_limited(self):
        self.check_bars("format=I420,colorimetry=bt601", (1280, 720))

    def test_bt601_small(self):
        self.check_bars("format=I420,colorimetry=bt601", (640, 480))

    def test_full_range(self):
        self.check_bars("format=I420,colorimetry=1:3:5:1", (1280, 720))  # BT.709, 0 … 255

    def test_full_range_bt601(self):
        self.check_bars("format=I420,colorimetry=1:4:0:0", (1280, 720))  # as JFIF

    def test_other_chroma(self):
        self.check_bars("format=Y42B,colorimetry=bt709", (1280, 720))

    def test_ten_bits(self):
        self.check_bars("format=I420_10LE,colorimetry=bt709", (1280, 720))


class ChainTest(PictureTest):
    """One camera of 640x360 with four quarters in four colours."""
    QUARTERS = [[(200, 30, 30), (30, 200, 30)], [(30, 30, 200), (200, 200, 30)]]

    def camera(self):
        return harness.Camera(self, "--image", self.png(self.QUARTERS, 640, 360), "--no-clock", "--size", "640x360", "--bitrate",
                              "12000", "--caps", "format=I420,colorimetry=bt601", "--fps", "10", "--keyint", "5")

    def check_quarters(self, picture, quarters):
        for row, y in zip(quarters, (0.25, 0.75)):
            for colour, x in zip(row, (0.25, 0.75)):
                self.check_colour(picture, x, y, colour, 8)

    def test_the_options(self):
        camera = self.camera()
        (red, green), (blue, yellow) = self.QUARTERS
        plain = self.watch(camera)
        self.assertEqual((plain.width, plain.height), (640, 360))
        self.check_quarters(plain, self.QUARTERS)

        turned = self.watch(camera, "--rotate", "90", "--state-dir", self.path("a"))
        self.assertEqual((turned.width, turned.height), (360, 640))
        self.check_quarters(turned, [[blue, red], [yellow, green]])

        mirrored = self.watch(camera, "--rotate", "180", "--flip", "horizontal", "--state-dir", self.path("b"))
        self.check_quarters(mirrored, [[blue, yellow], [red, green]])

        cropped = self.watch(camera, "--crop", "200x100+320+180", "--state-dir", self.path("c"))
        self.assertEqual((cropped.width, cropped.height), (200, 100))
        self.check_quarters(cropped, [[yellow, yellow], [yellow, yellow]])

        covered = self.watch(camera, "--fit", "cover", "--capture-resolution", "200x200", "--state-dir", self.path("d"))
        self.assertEqual((covered.width, covered.height), (200, 200))
        self.check_quarters(covered, self.QUARTERS)

        stretched = self.watch(camera, "--fit", "stretch", "--capture-resolution", "200x400", "--state-dir", self.path("e"))
        self.assertEqual((stretched.width, stretched.height), (200, 400))
        self.check_quarters(stretched, self.QUARTERS)

        masked = self.watch(camera, "--mask", "0.5x0.5+0+0,0.1x0.1+0.7+0.7", "--rotate", "90", "--state-dir", self.path("f"))
        self.check_quarters(masked, [[blue, (0, 0, 0)], [(0, 0, 0), green]])

        burnt = self.watch(camera, "--overlay", "Gate 3  %F %T", "--state-dir", self.path("g"))
        self.check_colour(burnt, 0.003, 0.99, (20, 24, 32), 8)
        self.check_quarters(burnt, self.QUARTERS)

    def test_the_test_card_takes_them_too(self):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        self.card(port, key, "--mask", "1x0.5+0+0", "--rotate", "270", "--capture-resolution", "640x360")
        receiver.wait_live()
        picture = Picture(receiver.get("/stream/snapshot.jpg").body)
        self.assertEqual((picture.width, picture.height), (202, 360))
        for y in (0.05, 0.5, 0.95):
            self.check_colour(picture, 0.2, y, (0, 0, 0), 8)

    def test_a_crop_beside_the_picture_is_told(self):
        camera = self.camera()
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        sender = self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--crop", "100x100+1000+0",
                             "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file", key)
        receiver.wait_freshness(lambda f: f["source"] == "failed", 15, "failed")
        sender.wait_log(r"640x360 has nothing of crop 100x100\+1000\+0")

    def test_wrong_ones_are_refused_at_start(self):
        base = ["--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", "5006", "--key-file", self.key_file()]
        for name, value in (("mask", "0.5x0.6+0.6+0"), ("mask", "0x0.5+0+0"), ("mask", "10x10+0+0"), ("mask", "left half"), ("mask", ""), ("mask", ","),
                            ("crop", "640x480"), ("crop", "0x1+0+0"), ("overlay", "Größe"), ("rotate", "45")):
            self.refused("ddsend", *base, f"--{name}", value, names=[name])


if __name__ == "__main__":
    harness.main()

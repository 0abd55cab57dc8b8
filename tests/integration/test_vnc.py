"""Real VNC desktops, watched by a viewer: what they show arrives."""
import vnc_servers
import harness

COLOURS = ("#3060c0", "#f02010", "#08c850", "#ffffff", "#000000", "#e0d040")


class DesktopTest(vnc_servers.Viewer):
    def setUp(self):
        super().setUp()
        vnc_servers.require()

    def check_colours(self, desktop, colours=COLOURS):
        for colour in colours:
            desktop.fill(colour)
            self.wait_colour(50, 50, colour)
            pixels = self.wait_colour(-1 % 100, 90, colour)
            self.assertLessEqual(max(abs(a - b) for a, b in zip(pixels.at(pixels.width - 1, pixels.height - 1), pixels.at(50, 50))), 3)

    def test_tiger(self):
        """Colours, text that is typed, the cursor, and a new size."""
        receiver = self.receive()
        desktop = vnc_servers.Tiger(self, size="640x480")
        sender = self.watch(f"127.0.0.1::{desktop.port}", timeout="30")
        receiver.wait_live("desk")
        self.assertEqual(self.size(), (640, 480))
        self.check_colours(desktop)

        desktop.fill("#204080")
        desktop.run("xdotool", "mousemove", "600", "440")
        desktop.start("xterm", "-geometry", "40x6+20+20", "-bg", "white", "-fg", "black", "-bw", "0", "-b", "0", "-uc", "-e",
                      "sh", "-c", "stty -echo; PS1= exec cat")
        self.wait_frames(lambda p: p.count(lambda c: min(c) > 240, 20, 20, 120, 60) > 3000, 10, "the terminal")

        def dark(p):
            return p.count(lambda c: max(c) < 100, 20, 20, 260, 100)
        empty = self.wait_frames(lambda p: dark(p) < 400, 10, "an empty terminal")
        desktop.run("xdotool", "mousemove", "100", "60")
        desktop.run("xdotool", "type", "--delay", "1", "HHHHHHHHHHHHHHHHHHHHHHHHHHHHHH")
        desktop.run("xdotool", "key", "Return")
        self.wait_frames(lambda p: dark(p) > dark(empty) + 400, 10, "what was typed")

        # the server draws the cursor: it is in the picture, at its place and not at its old one
        desktop.run("xdotool", "mousemove", "400", "300")
        self.wait_frames(lambda p: p.count(lambda c: max(abs(a - b) for a, b in zip(c, (0x20, 0x40, 0x80))) > 40, 390, 290, 420,
                                           330) > 20, 10, "the cursor")
        desktop.run("xdotool", "mousemove", "500", "400")
        self.wait_frames(lambda p: p.count(lambda c: max(abs(a - b) for a, b in zip(c, (0x20, 0x40, 0x80))) > 40, 390, 290, 420,
                                           330) == 0, 10, "no cursor at its old place")

        for size in ((800, 600), (1280, 1024), (640, 480)):
            desktop.resize("{}x{}".format(*size))
            harness.wait_until(lambda: self.size() == size, 10, lambda: f"{size}: {self.size()}")
            desktop.fill("#0a8246")
            self.wait_colour(5, size[1] - 5, "#0a8246")
        self.assertNotIn("lost", sender.log())

    def test_crop(self):
        """crop shows one of several monitors."""
        receiver = self.receive()
        desktop = vnc_servers.Tiger(self, size="640x240")
        desktop.fill("#c02040")
        desktop.start("xterm", "-geometry", "60x20+320+0", "-bg", "#2040c0", "-fg", "#2040c0", "-cr", "#2040c0", "-bw", "0", "-b", "0",
                      "+sb", "-e", "cat")
        self.watch(f"127.0.0.1::{desktop.port}", "--crop", "320x240+320+0")
        receiver.wait_live("desk")
        harness.wait_until(lambda: self.size() == (320, 240), 10, "the monitor")
        self.wait_colour(20, 20, "#2040c0")

    def test_display_number(self):
        """host, host:display and vnc_display."""
        vnc_servers.require()
        number = next(n for n in range(1, 100) if self.is_free(5900 + n) and harness.reserve(f"port-{5900 + n}"))
        desktop = vnc_servers.Tiger(self, size="320x240", port=5900 + number)
        for i, (source, display) in enumerate(((f"127.0.0.1:{number}", "7"), ("127.0.0.1", str(number)))):
            receiver = self.receive()
            sender = self.watch(source, "--vnc-display", display, "--state-dir", self.path(f"state-{i}"))
            receiver.wait_live("desk")
            sender.stop()
            receiver.stop()
        self.assertTrue(desktop.process.running())

    @staticmethod
    def is_free(port):
        with harness.socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False


if __name__ == "__main__":
    harness.main()

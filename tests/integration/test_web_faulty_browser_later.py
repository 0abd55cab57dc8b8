"""Browsers that misbehave after they have shown something, and pictures that cannot be read."""
import harness
from test_web_faulty_browser import FakeTest, MODES


class LaterTest(FakeTest):
    def test_pictures(self):
        self.run_modes(("no base64", "no picture", "empty picture", "half a picture", "vast picture"))

    def test_later(self):
        self.run_modes(tuple(mode for mode in MODES if mode.endswith("later")))

    def test_flags(self):
        """What it is started with: over a pipe, in a folder of its own, with its sandbox, quiet."""
        self.start({"page": ("/counter", {"browser": self.fake("page", "good")})})
        self.wait_picture()
        flags = self.asked("page")[0]
        for flag in ("--remote-debugging-pipe", "--user-data-dir=", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-quic", "--hide-scrollbars", "--force-color-profile=", "--disable-dev-shm-usage"):
            self.assertIn(" " + flag, flags)
        for flag in ("--no-sandbox", "--remote-debugging-port", "--disable-web-security", "--ignore-certificate-errors", "127.0.0.1"):
            self.assertNotIn(flag, flags)
        self.browser()


if __name__ == "__main__":
    harness.main()

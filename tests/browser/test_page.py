"""The pages in a real browser: a real camera's picture moves, and every change of its state is told in words."""
import re
import signal
import socket

from chrome import Chrome, harness


class PageTest(harness.Test):
    def receive(self, **options):
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        return self.receiver_config({"cam": {"name": "Gate <1> & co", "description": "<script>alert(1)</script>", "udp_host": "127.0.0.1",
                                             "udp_port": self.port, "key_file": self.key, "live_seconds": 1, "stale_seconds": 9,
                                             **options}})

    def wait_words(self, chrome, pattern, timeout=20):
        harness.wait_until(lambda: re.search(pattern, chrome.text("#words")), timeout,
                           lambda: f"the words {pattern}; they are {chrome.text('#words')}")

    def wait_movement(self, chrome, timeout=20):
        """Waits for three pictures that differ."""
        seen = set()

        def moved():
            if chrome.driver.find_element("css selector", "canvas").is_displayed():
                seen.add(chrome.picture())
            return len(seen) >= 3
        harness.wait_until(moved, timeout, "a picture that moves")

    def test_a_camera_moves_dies_and_returns(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "640x360", "--fps", "25")
        self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0", "--timeout", "3",
                    "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file", self.key)
        chrome = Chrome(self)
        chrome.driver.get(f"http://127.0.0.1:{receiver.http_port}/cam")
        self.wait_words(chrome, "^Live")
        self.wait_movement(chrome)
        self.assertEqual(chrome.text("h1"), "Gate <1> & co")
        self.assertEqual(chrome.text(".description"), "<script>alert(1)</script>")
        chrome.screenshot("camera-live")

        camera.stop(number=signal.SIGKILL)
        self.wait_words(chrome, "^Stalled")
        chrome.screenshot("camera-stalled")
        self.wait_words(chrome, "^Stale")
        self.assertRegex(chrome.text(".state"), "unreachable|closed")
        chrome.screenshot("camera-stale")

        harness.Camera(self, "--size", "640x360", "--fps", "25", "--port", camera.port)
        self.wait_words(chrome, "^Live", 60)
        self.wait_movement(chrome)
        self.assertEqual(chrome.console(), [])

    def test_a_still_picture_is_there_at_once(self):
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key, "--interval", "3600")
        receiver.wait_live("cam")
        chrome = Chrome(self)
        chrome.driver.get(f"http://127.0.0.1:{receiver.http_port}/cam")
        self.wait_words(chrome, "^Live", 5)
        harness.wait_until(lambda: chrome.driver.find_element("css selector", "canvas").is_displayed(), 3, "the only picture")
        self.assertEqual(chrome.console(), [])

    def test_heals_when_the_receiver_comes_back(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        chrome = Chrome(self)
        chrome.driver.get(f"http://127.0.0.1:{receiver.http_port}/cam")
        self.wait_words(chrome, "^Live")
        receiver.stop()
        self.wait_words(chrome, "^No contact")
        chrome.screenshot("no-contact")
        again = self.receiver("--config", self.path("ddrecv.json"), http_port=receiver.http_port)
        again.wait_live("cam")
        self.wait_words(chrome, "^Live")
        self.wait_movement(chrome)

    def test_the_list_shows_every_stream(self):
        receiver = self.receiver_config(
            {name: {"name": name.title(), "udp_host": "127.0.0.1", "udp_port": harness.free_port(socket.SOCK_DGRAM),
                    "key_file": self.key_file(name)} for name in ("lobby", "gate")})
        chrome = Chrome(self)
        chrome.driver.get(f"http://127.0.0.1:{receiver.http_port}/")
        harness.wait_until(lambda: "sender silent" in chrome.text("body").lower() or "no picture" in chrome.text("body").lower(), 10,
                           "the streams' states in words")
        for name in ("Lobby", "Gate"):
            self.assertIn(name, chrome.text("body"))
        chrome.screenshot("list")
        chrome.driver.find_element("partial link text", "Lobby").click()
        harness.wait_until(lambda: chrome.driver.current_url.endswith("/lobby"), 5, "the stream's page")
        self.assertEqual(chrome.console(), [])


if __name__ == "__main__":
    harness.main()

"""After a restart of any part the page recovers by itself; meanwhile it says in words what is wrong."""
import os
import re
import signal

import chrome
from chrome import Chrome, harness


class RestartsTest(chrome.Test):
    def test_the_receiver(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self, allowed=chrome.NETWORK)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        receiver.stop()
        page.wait_words("^No contact", 3)
        page.screenshot("no-contact")
        page.watch_words()
        # so long that the pauses between attempts have grown
        harness.wait_until(lambda: float(re.search(r"\d+", page.text("#age"))[0]) >= 9, 12, "a while")
        again = self.receiver("--config", self.path("ddrecv.json"), http_port=receiver.http_port)
        again.wait_live("cam")
        page.wait_words("^Live", 3)
        page.wait_movement(3)
        self.assertFalse({words for words in page.watched_words() if words.startswith("Live")})

    def test_the_receiver_within_a_second(self):
        """Faster than the page can notice by polling."""
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self, allowed=chrome.NETWORK)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        again = self.receiver("--config", self.path("ddrecv.json"), http_port=receiver.http_port)
        again.wait_live("cam")
        page.wait_movement(5)
        page.wait_words("^Live", 3)

    def test_the_receiver_that_hangs(self):
        """It neither responds nor refuses connections."""
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self, allowed=chrome.NETWORK)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        serve = receiver.roles()["serve"]
        receiver.send_signal(signal.SIGSTOP)  # the supervisor, which would replace the role
        os.kill(serve, signal.SIGSTOP)
        try:
            page.wait_words("^No contact", 3)
        finally:
            os.kill(serve, signal.SIGCONT)
            receiver.send_signal(signal.SIGCONT)
        page.wait_words("^Live", 10)
        page.wait_movement(5)

    def test_the_sender(self):
        receiver = self.receive()
        sender = self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        sender.stop()
        self.wait_shown(page, receiver, "stalled", "^Stalled — sender silent")
        self.card(self.port, self.key)
        self.wait_shown(page, receiver, "live", "^Live")
        page.wait_movement(3)

    def test_the_camera(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240", "--fps", "10")
        self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0", "--timeout", "3",
                    "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file", self.key)
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        self.wait_shown(page, receiver, "live", "^Live")
        camera.stop()
        harness.Camera(self, "--size", "480x270", "--fps", "10", "--port", camera.port)
        harness.wait_until(lambda: harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body) == (480, 270), 30, "the new camera")
        harness.wait_until(lambda: "480 × 270" in page.text("#details"), 3, "the size of the new picture")
        self.wait_shown(page, receiver, "live", "^Live")
        page.wait_movement(3)


if __name__ == "__main__":
    harness.main()

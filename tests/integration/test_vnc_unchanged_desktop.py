"""Real VNC desktops that do not change, or are gone: the viewer can tell. An idle desktop costs STATUS messages only."""
import os
import signal
import time

import vnc_servers
import harness


class TruthTest(vnc_servers.Viewer):
    def setUp(self):
        super().setUp()
        vnc_servers.require()

    def test_idle(self):
        """Nothing changes: no frame is sent, and the stream stays live."""
        receiver = self.receive()
        tiger, x11vnc = vnc_servers.Tiger(self, size="640x480"), vnc_servers.X11Vnc(self)
        for desktop in (tiger, x11vnc):
            with self.subTest(type(desktop).__name__):
                desktop.fill("#204060")
                sender = self.watch(f"127.0.0.1::{desktop.port}", "--refresh-interval", "0", "--state-dir",
                                    self.path(type(desktop).__name__))
                receiver.wait_live("desk")
                self.wait_colour(5, 5, "#204060")
                # without refresh_interval a picture is sent once more after 2 s: that is over
                harness.wait_until(lambda: receiver.freshness("desk")["seconds_since_frame"] > 3, 15, "quiet")
                before, sent, begin = self.frames(), receiver.stats("desk")["total"]["datagrams_received"], time.monotonic()
                harness.wait_until(lambda: receiver.freshness("desk")["seconds_since_frame"] > 7, 15, "quiet")
                fresh = receiver.freshness("desk")
                self.assertEqual((fresh["state"], fresh["source"], self.frames()), ("live", "ok", before), fresh)
                self.assertLess(fresh["seconds"], 2.5 * harness.stretch())
                sent = receiver.stats("desk")["total"]["datagrams_received"] - sent
                self.assertLessEqual(sent, time.monotonic() - begin + 3, "STATUS alone")
                desktop.fill("#604020")
                self.wait_colour(5, 5, "#604020")
                sender.stop()

    def test_long_interval(self):
        """Changes between two pictures are not sent; a picture shows the desktop as it was when it was due."""
        receiver = self.receive()
        desktop = vnc_servers.Tiger(self, size="320x240")
        desktop.fill("#102030")
        self.watch(f"127.0.0.1::{desktop.port}", interval="4")
        receiver.wait_live("desk")
        self.wait_colour(5, 5, "#102030")
        number = receiver.freshness("desk")["frame"]
        for i in range(20):
            desktop.fill(f"#00{i * 8 + 64:02x}00")
        desktop.fill("#4060a0")
        before = receiver.freshness("desk")["frame"]
        self.wait_colour(5, 5, "#4060a0")
        self.assertLessEqual(receiver.freshness("desk")["frame"] - before, 1)
        self.assertLessEqual(receiver.freshness("desk")["frame"] - number, 2)

    def test_a_server_that_comes_back(self):
        receiver = self.receive()
        desktop = vnc_servers.Tiger(self, size="320x240")
        desktop.fill("#c08020")
        sender = self.watch(f"127.0.0.1::{desktop.port}")
        self.wait_colour(5, 5, "#c08020", 20)
        desktop.process.popen.kill()
        desktop.process.wait()
        receiver.wait_freshness(lambda f: f["source"] in ("connecting", "failed"), 5, "its end", "desk")
        sender.wait_log("lost: .*closed the connection")
        receiver.wait_freshness(lambda f: f["state"] != "live", 10, "stalled", "desk")
        for path in (f"/tmp/.X{desktop.number}-lock", f"/tmp/.X11-unix/X{desktop.number}"):
            if os.path.exists(path):
                os.unlink(path)
        desktop.open()
        desktop.fill("#2080c0")
        self.wait_colour(5, 5, "#2080c0", 40)
        receiver.wait_live("desk")

    def test_a_dead_link(self):
        """A stopped server does not answer: that is noticed within the timeout, though the connection is still open."""
        receiver = self.receive()
        desktop = vnc_servers.Tiger(self, size="320x240")
        sender = self.watch(f"127.0.0.1::{desktop.port}", timeout="2")
        receiver.wait_live("desk")
        desktop.process.send_signal(signal.SIGSTOP)
        try:
            fresh = receiver.wait_freshness(lambda f: f["source"] == "connecting", 6, "its silence", "desk")
            self.assertIn(fresh["reason"], ("no picture in time", None))
            sender.wait_log("lost: .*no answer from the VNC server within 2 s")
        finally:
            desktop.process.send_signal(signal.SIGCONT)
        receiver.wait_live("desk")


if __name__ == "__main__":
    harness.main()

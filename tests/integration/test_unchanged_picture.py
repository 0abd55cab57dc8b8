"""A picture that does not change: sent once, refreshed, and known to be true all the while."""
import socket
import subprocess
import time

import harness


class UnchangedTest(harness.Test):
    def start(self, *arguments, size="640x360"):
        """A camera whose picture never changes, and who watches it."""
        png = self.path("still.png")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc=size={size}", "-frames:v", "1", png], check=True,
                       timeout=30)
        camera = harness.Camera(self, "--image", png, "--no-clock", "--size", size, "--codec", "mjpeg", "--fps", "10")
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.watch()
        self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--cloud-ip", "127.0.0.1", "--cloud-port",
                    self.port, "--key-file", self.key, "--interval", "0.5", *arguments)
        receiver.wait_live()
        return receiver

    def watch(self):
        return self.receiver_stream(self.port, self.key, "--live-seconds", "2")

    def over(self, receiver, seconds):
        """What a while, whose length is "seconds", adds to the statistics; the stream is live, with its age below live_seconds, all
        that time."""
        before, begin = receiver.stats()["total"], time.monotonic()
        while time.monotonic() < begin + seconds:
            fresh = receiver.freshness()
            self.assertEqual(fresh["state"], "live", fresh)
            self.assertLess(fresh["seconds"], 2.5 * harness.stretch())
            time.sleep(0.1)
        after, took = receiver.stats()["total"], time.monotonic() - begin
        return {"seconds": took, **{name: after[name] - before[name] for name in ("datagrams_received", "bytes_received",
                                                                                  "frames_complete")}}

    def test_it_costs_next_to_nothing(self):
        receiver = self.start("--refresh-interval", "0", "--interval", "1", "--capture-resolution", "1920x1080", size="1920x1080")
        receiver.wait_stats(lambda s: s["total"]["datagrams_received"] > 2, 5, "the picture")
        self.over(receiver, 3)  # the repetition of the change is behind us
        spent = self.over(receiver, 6)
        self.assertEqual(spent["frames_complete"], 0)
        self.assertLessEqual(spent["datagrams_received"], spent["seconds"] + 2, "a STATUS a second, nothing else")
        bits = 8 * (spent["bytes_received"] + 28 * spent["datagrams_received"]) / spent["seconds"]
        self.assertLess(bits, 2000)

    def test_who_comes_later_gets_it_with_a_refresh(self):
        receiver = self.start("--refresh-interval", "2")
        first = receiver.freshness()["frame"]
        spent = self.over(receiver, 5)
        self.assertEqual(spent["frames_complete"], 0, "a refresh is no other picture")
        self.assertGreater(spent["datagrams_received"], 25, "but it is sent")
        receiver.stop()
        receiver = self.watch()
        self.assertEqual(receiver.wait_live(timeout=8)["frame"], first)
        self.assertEqual(len(receiver.json("/stream/frames")["frames"]), 1)

    def test_a_change_is_repeated_once_without_refreshes(self):
        receiver = self.start("--refresh-interval", "0")
        known = receiver.stats()["total"]["datagrams_received"]
        receiver.wait_stats(lambda s: s["total"]["datagrams_received"] > known + 15, 6, "the repetition")
        self.assertEqual(receiver.stats()["total"]["frames_complete"], 1)


if __name__ == "__main__":
    harness.main()

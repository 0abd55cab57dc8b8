"""A long interval, and cameras with key frames at all kinds of distances: each picture comes in time, and no more is decoded
than it takes."""
import datetime
import re
import socket

import harness

INTERVAL = 2
FEW = "only key frames are decoded"
ALL = "all pictures are decoded"

# name: (arguments of the camera, the longest time from picture to picture, what the log says of decoding, in order)
CAMERAS = {
    "often": (("--keyint", 10), INTERVAL + 1, [FEW]),
    "often-b": (("--keyint", 10, "--bframes", 2), INTERVAL + 1, [FEW]),
    "h265": (("--keyint", 10, "--codec", "h265"), INTERVAL + 1, [FEW]),
    "mjpeg": (("--codec", "mjpeg"), INTERVAL + 0.1, [FEW]),
    "once": (("--key-gaps", "1000"), INTERVAL + 0.1, []),
    "rare": (("--key-gaps", "6"), INTERVAL + 0.1, []),
    "alternating": (("--key-gaps", "1,5"), INTERVAL + 0.1, []),
    "irregular": (("--key-gaps", "1,1,1,1,1,7"), INTERVAL + 1.6, [FEW, ALL, FEW]),
    "irregular-b": (("--key-gaps", "1,1,1,1,1,7", "--bframes", 2), INTERVAL + 2, [FEW, ALL, FEW]),
    "stripes": (("--keyint", 10, "--intra-refresh"), INTERVAL + 3, [FEW, ALL, FEW, ALL]),
}


class KeyFramesTest(harness.Test):
    def times(self, stream):
        """When the pictures that arrived were captured, in seconds."""
        frames = self.receiver.json(f"/{stream}/frames")["frames"]
        return [datetime.datetime.fromisoformat(f["captured_at"].replace("Z", "+00:00")).timestamp() for f in frames]

    def gaps(self, stream):
        times = self.times(stream)
        return [b - a for a, b in zip(times, times[1:])]

    def test_pictures_in_time(self):
        port, senders, receivers = harness.free_port(socket.SOCK_DGRAM), {}, {}
        for name, (arguments, _, _) in CAMERAS.items():
            camera = harness.Camera(self, "--size", "160x120", "--fps", 10, "--pattern", "smpte", *arguments)
            key = self.key_file(name + ".key")
            senders[name] = {"mode": "rtsp", "source": f"rtsp://127.0.0.1:{camera.port}/test", "interval": INTERVAL, "timeout": 20,
                             "cloud_ip": "127.0.0.1", "cloud_port": port, "key_file": key}
            receivers[name] = {"udp_host": "127.0.0.1", "udp_port": port, "key_file": key}
        self.receiver = self.receiver_config(receivers)
        sender = self.sender_config(senders, {"debug": True})
        for name in CAMERAS:
            harness.wait_until(lambda: len(self.times(name)) >= 11, 60, lambda: f"pictures of {name}: {self.times(name)}")
        log = sender.log()
        for name, (_, longest, said) in CAMERAS.items():
            with self.subTest(name):
                self.assertLess(max(self.gaps(name)), longest + 0.3 * harness.stretch(), self.gaps(name))
                self.assertEqual(len(re.findall(rf"capture {name}: connected", log)), 1, "in one connection")
                told = re.findall(rf"capture {name}: debug: ({FEW}|{ALL})", log)
                if FEW not in said:
                    self.assertNotIn(FEW, told)
                if harness.stretch() < 2:  # else key frames come late, and then all pictures are decoded for a while
                    self.assertEqual(told if len(said) < 2 else told[:len(said)], said)


if __name__ == "__main__":
    harness.main()

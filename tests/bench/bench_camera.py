"""What a camera costs ddsend, against ffmpeg that makes MJPEG of it at the same time."""
import socket
import subprocess

import bench
import harness


class CameraBench(bench.Bench):
    def start(self, camera, interval):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        url = f"rtsp://127.0.0.1:{camera.port}/test"
        sender = self.sender("--mode", "rtsp", "--source", url, "--interval", interval, "--cloud-ip", "127.0.0.1", "--cloud-port",
                             port, "--key-file", key, "--quiet")
        receiver.wait_live()  # one after the other: this RTSP server cannot take two new viewers at once
        ffmpeg = harness.Process(self, ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-rtsp_transport", "tcp", "-i",
                                        url, "-q:v", "6", "-f", "mjpeg", "/dev/null"])
        bench.pause(2)
        return receiver, sender, ffmpeg

    def compare(self, what, interval, limit, caps, seconds, fps=None):
        camera = harness.Camera(self, "--size", "1280x720", "--fps", "25", "--keyint", "50", "--caps", caps)
        receiver, sender, ffmpeg = self.start(camera, interval)
        ratios, ours, theirs, rates = [], [], [], []
        for _ in range(bench.RUNS):
            frames, mine, peer = (receiver.stats()["total"]["frames_complete"], bench.cpu_seconds(sender.pid),
                                  bench.cpu_seconds(ffmpeg.pid))
            bench.pause(seconds)
            ours.append((bench.cpu_seconds(sender.pid) - mine) / seconds)
            theirs.append((bench.cpu_seconds(ffmpeg.pid) - peer) / seconds)
            ratios.append(ours[-1] / theirs[-1])
            rates.append((receiver.stats()["total"]["frames_complete"] - frames) / seconds)
        bench.report(f"{what}: ddsend", ours, "of a core")
        bench.report(f"{what}: ffmpeg", theirs, "of a core")
        ratio = bench.report(f"{what}: ddsend / ffmpeg", ratios, "", f"<= {limit}")
        rate = bench.report(f"{what}: pictures that arrive", rates, "per second")
        ffmpeg.stop()
        sender.stop()
        receiver.stop()
        camera.stop()
        self.assertLessEqual(ratio, limit)
        if fps:
            self.assertAlmostEqual(rate, fps, delta=0.5)

    def test_every_picture(self):
        """Camera, 1280x720 at 25 fps, --interval 0"""
        # nothing to convert for either: the same but for the copy into the ring and the parity, and the noise
        self.compare("full-range BT.601", 0, 1.1, "format=I420,colorimetry=1:4:0:0", bench.SECONDS, 25)
        self.compare("limited-range BT.601", 0, 1.0, "format=I420,colorimetry=bt601", bench.SECONDS, 25)
        self.compare("limited-range BT.709", 0, 1.2, "format=I420,colorimetry=bt709", bench.SECONDS, 25)

    def test_key_frames(self):
        """Camera, 1280x720 at 25 fps, a key frame every 2 s, --interval 10"""
        self.compare("--interval 10", 10, 0.2, "format=I420,colorimetry=bt709", 20)


if __name__ == "__main__":
    harness.main()

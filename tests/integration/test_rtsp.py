"""A real camera: GStreamer's RTSP server, to a viewer."""
import datetime
import os
import signal
import socket
import subprocess
import time
import urllib.parse

import certificates
import harness

USER, PASSWORD = "viewer", "p@:ss/w:rd?100%"


class RtspTest(harness.Test):
    def receive(self, name="recv-state", **options):
        """The receiver; name is that of its state_dir."""
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        return self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": self.port, "key_file": self.key,
                                             "live_seconds": 1, "stale_seconds": 8, **options}}, {"state_dir": self.path(name)})

    def send(self, url, *arguments):
        return self.sender("--mode", "rtsp", "--source", url, "--interval", "0.1", "--timeout", round(5 * harness.stretch()),
                           "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file", self.key, *arguments)

    def rate(self, receiver, seconds):
        """Complete frames per second over a while."""
        before, start = receiver.stats("cam")["total"]["frames_complete"], time.monotonic()
        harness.wait_until(lambda: time.monotonic() - start >= seconds, seconds + 1, "the time to be over")
        return (receiver.stats("cam")["total"]["frames_complete"] - before) / (time.monotonic() - start)


class PictureTest(RtspTest):
    def test_every_picture_of_a_camera_arrives(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "640x360", "--fps", "25")
        sender = self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0")
        receiver.wait_live("cam")
        harness.wait_until(lambda: self.rate(receiver, 1) > 20 / harness.stretch(), 15, "the camera's rate")
        rate = self.rate(receiver, 4)
        self.assertGreaterEqual(rate, 23.5 / harness.stretch(), "pictures/s of 25")
        self.assertEqual(harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body), (640, 360))
        with harness.Mjpeg(receiver.http_port, "/cam/stream") as viewer:
            numbers = viewer.frames(25)
            self.assertLessEqual(numbers[-1] - numbers[0], 27 * harness.stretch(), "a viewer gets nearly all")
        sender.stop()
        numbers = [f["frame"] for f in receiver.json("/cam/frames")["frames"]]
        pictures = {receiver.get(f"/cam/frames/{n}.jpg").body for n in numbers}
        self.assertGreaterEqual(len(numbers), 90 / harness.stretch())
        self.assertEqual(len(pictures), len(numbers), "each picture is another: none is sent twice")

    def test_one_picture_per_interval(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240", "--fps", "25")
        self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0.5")
        receiver.wait_live("cam")
        self.assert_rate(self.rate(receiver, 4), 1.6, 2.4)

    def test_over_udp(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240", "--transport", "udp")
        self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--rtsp-transport", "udp")
        receiver.wait_live("cam")
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] > 10, 15, "ten frames", "cam")

    def test_other_codecs(self):
        for codec in ("mjpeg", "h265"):
            with self.subTest(codec):
                receiver = self.receive("recv-" + codec)
                camera = harness.Camera(self, "--size", "320x240", "--codec", codec)
                self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--state-dir", self.path("send-" + codec))
                receiver.wait_live("cam")
                self.assertEqual(harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body), (320, 240))
                receiver.stop()

    def test_a_large_picture_is_scaled(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "1920x1080", "--fps", "5")
        self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--capture-resolution", "640x640")
        receiver.wait_live("cam")
        self.assertEqual(harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body), (640, 360))

    def test_audio_beside_video(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240", "--audio")
        self.send(f"rtsp://127.0.0.1:{camera.port}/test")
        receiver.wait_live("cam")
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] > 10, 15, "ten frames", "cam")

    def test_a_picture_that_changes(self):
        """Size and pixel format change in mid-stream: it is followed, in the same connection."""
        for codec, size, more in (("h264", "480x270", ",format=Y444"), ("h265", "480x270", ",format=Y444"),
                                  ("mjpeg", "480x272", "")):
            with self.subTest(codec):
                receiver = self.receive("recv-" + codec)
                camera = harness.Camera(self, "--size", "320x240", "--codec", codec, "--change",
                                        "{}:width={},height={}{}".format(round(3 * harness.stretch()), *size.split("x"), more))
                sender = self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--state-dir", self.path(codec))
                receiver.wait_live("cam")
                self.assertEqual(harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body), (320, 240))
                harness.wait_until(lambda: "{}x{}".format(*harness.jpeg_size(receiver.get("/cam/snapshot.jpg").body)) == size, 15,
                                   lambda: f"the other picture: {sender.log()}")
                colour = harness.picture_mean(receiver.get("/cam/snapshot.jpg").body)
                self.assertLess(max(colour) - min(colour), 12, f"black and white: {colour}")
                self.assertNotIn("lost", sender.log())
                sender.stop()
                receiver.stop()

    def test_tls(self):
        certificate, key = certificates.self_signed(self, "camera", "DNS:localhost")
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "1280x720", "--user", USER, "--password", PASSWORD, "--auth", "digest",
                                "--tls-certificate", certificate, "--tls-key", key)
        sender = self.send(f"rtsps://localhost:{camera.port}/test", "--username", USER, "--password", PASSWORD, "--ca-file",
                           certificate, "--interval", "0")
        receiver.wait_live("cam")
        harness.wait_until(lambda: self.rate(receiver, 1) > 20 / harness.stretch(), 15, "the camera's rate")
        self.assertNotIn(PASSWORD, sender.log())
        self.assertEqual(sender.stop(2), 0, "the tunnel does not hold up a stop")


class PasswordTest(RtspTest):
    def camera(self, how="basic"):
        return harness.Camera(self, "--size", "320x240", "--fps", "10", "--user", USER, "--password", PASSWORD, "--auth", how)

    def check_secret(self, sender):
        """The password is neither in the log nor in ps, in no spelling."""
        for spelling in (PASSWORD, urllib.parse.quote(PASSWORD), urllib.parse.quote(PASSWORD, safe="")):
            self.assertNotIn(spelling, sender.log())
            for pid, title in {**harness.children(sender.pid), sender.pid: harness.title(sender.pid)}.items():
                self.assertNotIn(spelling, title, pid)

    def check_picture(self, arguments, how="basic"):
        receiver = self.receive()
        camera = self.camera(how)
        sender = self.send(*(a.replace("PORT", str(camera.port)) for a in arguments))
        receiver.wait_live("cam")
        self.check_secret(sender)

    def test_encoded_in_the_url(self):
        self.check_picture([f"rtsp://{USER}:{urllib.parse.quote(PASSWORD, safe='')}@127.0.0.1:PORT/test"])

    def test_raw_in_the_url(self):
        self.check_picture([f"rtsp://{USER}:{PASSWORD}@127.0.0.1:PORT/test"])

    def test_as_options(self):
        self.check_picture(["rtsp://127.0.0.1:PORT/test", "--username", USER, "--password", PASSWORD])

    def test_in_a_file(self):
        self.check_picture(["rtsp://127.0.0.1:PORT/test", "--username", USER, "--password-file",
                            self.write("password", PASSWORD + "\n")])

    def test_digest(self):
        self.check_picture(["rtsp://127.0.0.1:PORT/test", "--username", USER, "--password", PASSWORD], "digest")

    def check_refused(self, *arguments):
        receiver = self.receive()
        camera = self.camera()
        sender = self.send(f"rtsp://{arguments[0]}127.0.0.1:{camera.port}/test", *arguments[1:])
        fresh = receiver.wait_freshness(lambda f: f["source"] == "failed", 15, "failed", "cam")
        self.assertEqual(fresh["reason"], "wrong user name or password")
        self.assertEqual((fresh["state"], fresh["sender"], fresh["frame"]), ("stale", "alive", None))
        sender.wait_log(r"(?i)user.*password|password.*user")
        self.assertNotIn("not-the-password", sender.log())
        self.assertTrue(sender.running())

    def test_a_wrong_one_is_told(self):
        self.check_refused("viewer:not-the-password@")

    def test_none_is_told(self):
        self.check_refused("")


class TroubleTest(RtspTest):
    def check_reason(self, url, reason, *arguments, source=("failed", "connecting")):
        receiver = self.receive()
        sender = self.send(url, *arguments)
        fresh = receiver.wait_freshness(lambda f: f["reason"] == reason, 25, reason, "cam")
        self.assertIn(fresh["source"], source)
        self.assertEqual((fresh["state"], fresh["sender"]), ("stale", "alive"))
        host = urllib.parse.urlsplit(url).netloc
        self.assertIn(host, sender.log(), "the log says which source")
        return sender

    def test_refused_connection(self):
        self.check_reason(f"rtsp://127.0.0.1:{harness.free_port()}/test", "source unreachable")

    def test_no_such_host(self):
        self.check_reason("rtsp://no-such-host.invalid/test", "source unreachable")

    def test_no_such_path(self):
        camera = harness.Camera(self, "--size", "320x240")
        self.check_reason(f"rtsp://127.0.0.1:{camera.port}/elsewhere", "no such path")

    def test_no_video(self):
        camera = harness.Camera(self, "--codec", "none")
        self.check_reason(f"rtsp://127.0.0.1:{camera.port}/test", "no video in it")

    def test_a_server_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.check_reason(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/test", "no picture in time", "--timeout", "2")

    def test_a_server_that_speaks_something_else(self):
        babbler = subprocess.Popen(
            [harness.PYTHON, "-c", "import os, socket\n"
             "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
             "while True:\n c = s.accept()[0]\n try:\n  c.sendall(os.urandom(100000))\n  c.close()\n except OSError: pass"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(babbler.stdout.close)
        self.addCleanup(babbler.wait)
        self.addCleanup(babbler.kill)
        receiver = self.receive()
        self.send(f"rtsp://127.0.0.1:{int(babbler.stdout.readline())}/test", "--timeout", "2")
        fresh = receiver.wait_freshness(lambda f: f["source"] in ("failed", "connecting") and f["reason"], 15, "a failure", "cam")
        self.assertEqual(fresh["sender"], "alive")

    def test_a_camera_that_dies_and_returns(self):
        receiver = self.receive()
        port = harness.free_port()
        camera = harness.Camera(self, "--size", "320x240", "--port", port)
        self.send(f"rtsp://127.0.0.1:{port}/test", "--timeout", "2")
        last = receiver.wait_live("cam")["frame"]
        camera.stop(number=signal.SIGKILL)
        stalled = receiver.wait_freshness(lambda f: f["state"] == "stalled", 12, "stalled", "cam")
        self.assertEqual((stalled["sender"], stalled["status"]), ("alive", "yellow"))
        self.assertNotEqual(stalled["source"], "ok")
        self.assertIn(stalled["reason"], ("source unreachable", "connection closed by the source", "no picture in time"))
        stale = receiver.wait_freshness(lambda f: f["state"] == "stale", 12, "stale", "cam")
        self.assertEqual((stale["sender"], stale["reason"]), ("alive", "source unreachable"))
        with harness.Mjpeg(receiver.http_port, "/cam/stream") as viewer:
            self.assertEqual(next(viewer)[0]["x-state"], "stale")
        harness.Camera(self, "--size", "320x240", "--port", port)
        live = receiver.wait_live("cam", timeout=45)  # the back-off is at most 30 s
        self.assertGreater(live["frame"], last)

    def test_pictures_that_waited_for_a_stopped_sender_are_old(self):
        """Everything of ddsend stands still for a while, as in a frozen control group, and the camera's pictures wait in the
        kernel. The first of them was captured when the pause began, whenever it is read."""
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240", "--fps", "10", "--bitrate", "300")
        sender = self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--timeout", round(20 * harness.stretch()))
        receiver.wait_live("cam")
        pids = [sender.pid, *sender.roles().values()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        begin, last = time.time(), receiver.freshness("cam")["frame"]
        harness.wait_until(lambda: time.time() >= begin + 4, 5, "time")
        end = time.time()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        receiver.wait_live("cam")
        frames = harness.wait_until(lambda: [f for f in receiver.json("/cam/frames")["frames"] if f["frame"] > last], 5, "pictures")
        captured = [datetime.datetime.fromisoformat(f["captured_at"].replace("Z", "+00:00")).timestamp() for f in frames]
        self.assertLess(captured[0], end - 2, "the first one waited")
        self.assertEqual(captured, sorted(captured))
        self.assertNotIn("lost: ", sender.log())

    def test_a_camera_that_freezes(self):
        receiver = self.receive()
        camera = harness.Camera(self, "--size", "320x240")
        self.send(f"rtsp://127.0.0.1:{camera.port}/test", "--timeout", "2")
        receiver.wait_live("cam")
        camera.send_signal(signal.SIGSTOP)
        self.addCleanup(camera.send_signal, signal.SIGCONT)
        fresh = receiver.wait_freshness(lambda f: f["state"] != "live" and f["source"] != "ok" and f["reason"] == "no picture in time",
                                        20, "not live, and why", "cam")
        self.assertEqual(fresh["sender"], "alive")
        camera.send_signal(signal.SIGCONT)
        receiver.wait_live("cam", timeout=45)


if __name__ == "__main__":
    harness.main()

"""From the test card to a viewer, through everything."""
import datetime
import socket
import struct
import time

import harness


class OneStreamTest(harness.Test):
    """One stream, set up by flags on both sides."""

    def start(self, *sender_arguments):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        self.card(port, key, *sender_arguments)
        receiver.wait_live()
        return receiver

    def test_a_picture_arrives(self):
        receiver = self.start()
        for path in ("/stream/snapshot.jpg", "/snapshot.jpg"):
            answer = receiver.get(path)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"], "image/jpeg")
            self.assertEqual(harness.jpeg_size(answer.body), (320, 240))
        low, high = min(harness.picture_mean(answer.body)), max(harness.picture_mean(answer.body))
        self.assertTrue(10 < low <= high < 245, "the test card is neither black nor white")

    def test_freshness_tells_of_a_live_picture(self):
        receiver = self.start()
        fresh = receiver.wait_freshness(lambda f: f["source"] == "ok", 10, "source ok")
        self.assertEqual(set(fresh), {"state", "status", "seconds", "sender", "source", "reason", "frame", "captured_at",
                                      "seconds_since_frame", "seconds_since_change", "delay_seconds"})
        self.assertEqual((fresh["state"], fresh["status"], fresh["sender"], fresh["reason"]), ("live", "green", "alive", None))
        self.assertLess(fresh["seconds"], 3 * harness.stretch())
        self.assertGreaterEqual(fresh["seconds"], 0)
        captured = datetime.datetime.fromisoformat(fresh["captured_at"])
        age = (datetime.datetime.now(datetime.timezone.utc) - captured).total_seconds()
        self.assertTrue(-0.1 < age < 5, age)
        self.assertEqual(receiver.json("/freshness").keys(), fresh.keys())

    def test_mjpeg_shows_new_pictures_in_order(self):
        receiver = self.start()
        for path in ("/stream/stream", "/stream"):
            with harness.Mjpeg(receiver.http_port, path) as viewer:
                headers, jpeg = next(viewer)
                self.assertEqual(headers["content-type"], "image/jpeg")
                self.assertEqual(headers["x-state"], "live")
                self.assertEqual(harness.jpeg_size(jpeg), (320, 240))
                numbers = viewer.frames(20)
                self.assertEqual(numbers, sorted(set(numbers)))

    def test_the_ring_lists_its_frames(self):
        receiver = self.start()
        frames = harness.wait_until(lambda: (lambda f: f if len(f) > 5 else None)(receiver.json("/stream/frames")["frames"]), 10,
                                    "some frames")
        numbers = [f["frame"] for f in frames]
        self.assertEqual(numbers, sorted(set(numbers)))
        for frame in frames:
            self.assertEqual(set(frame), {"frame", "captured_at", "bytes"})
            self.assertGreater(frame["bytes"], 1000)
        self.assertIn("frames", receiver.json("/frames"))

    def test_the_ledger_adds_up(self):
        receiver = self.start()
        stats = receiver.wait_stats(lambda s: s["total"]["frames_complete"] >= 10, 15, "ten frames")
        total = stats["total"]
        self.assertEqual(set(stats), {"session", "total", "socket", "viewers", "delay", "jpeg_quality"})
        self.assertEqual(stats["jpeg_quality"], 60)
        self.assertEqual(stats["delay"]["drift_limit_seconds"], 5)
        self.assertLess(stats["delay"]["seconds"], 1)
        self.assertLess(stats["delay"]["drift_seconds"], 1)
        self.assertEqual(set(stats["session"]), set(total))
        self.assertEqual(set(total), {"datagrams_sent", "datagrams_received", "datagrams_recovered", "datagrams_lost",
                                      "bytes_received", "refused", "frames_complete", "frames_incomplete", "frames_late",
                                      "frames_bad", "frames_skipped"})
        self.assertEqual(total["refused"], {"session": 0, "replay": 0, "forged": 0, "malformed": 0})
        self.assertEqual(stats["socket"]["refused"], {"short": 0, "version": 0, "key": 0})
        self.assertEqual(total["datagrams_sent"], total["datagrams_received"] + total["datagrams_lost"])
        for name in ("datagrams_lost", "frames_incomplete", "frames_bad", "frames_late"):
            self.assertEqual(total[name], 0, name)
        self.assertGreater(total["bytes_received"], 81 * total["datagrams_received"])

    def test_viewers_are_counted(self):
        receiver = self.start()
        self.assertEqual(receiver.stats()["viewers"], 0)
        first, second = harness.Mjpeg(receiver.http_port), harness.Mjpeg(receiver.http_port)
        next(first), next(second)
        receiver.wait_stats(lambda s: s["viewers"] == 2, 5, "two viewers")
        first.close()
        second.close()
        receiver.wait_stats(lambda s: s["viewers"] == 0, 5, "no viewer")

    def test_pages_and_their_headers(self):
        receiver = self.start()
        for path in ("/", "/stream/snapshot.jpg", "/stream/freshness", "/healthz"):
            answer = receiver.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.headers["Cache-Control"], "no-store", path)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff", path)
        page = receiver.get("/")
        self.assertTrue(page.headers["Content-Type"].startswith("text/html"))
        policy = page.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(page.body.decode(), r"(src|href)=\"(/|https?:)", "every link is relative")
        self.assertEqual(receiver.get("/", method="HEAD").status, 200)
        self.assertEqual(receiver.get("/", method="HEAD").body, b"")

    def test_what_is_not_there_is_refused(self):
        receiver = self.start()
        for path in ("/nothing", "/stream/nothing", "/../etc/passwd", "/stream/../../etc/passwd", "/%2e%2e/", "/stream/frames/1.jpg",
                     "/streams", "/" + "a" * 3000):
            self.assertIn(receiver.get(path).status, (400, 404, 414), path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            self.assertEqual(receiver.get("/stream/freshness", method=method).status, 405, method)
        self.assertEqual(receiver.get("/healthz").status, 200)

    def test_fail_turns_a_state_into_a_status(self):
        receiver = self.start()
        self.assertEqual(receiver.get("/stream/freshness?fail=stalled").status, 200)
        self.assertEqual(receiver.get("/stream/freshness?fail=stale").status, 200)

    def test_one_picture_per_interval(self):
        receiver = self.start("--interval", "0.4")
        frames = harness.wait_until(lambda: (lambda f: f if len(f) >= 8 else None)(receiver.json("/frames")["frames"]), 15,
                                    "eight frames")
        times = [datetime.datetime.fromisoformat(f["captured_at"]).timestamp() for f in frames]
        gaps = [b - a for a, b in zip(times[1:], times[2:])]
        self.assert_delay(sum(gaps) / len(gaps), 0.35, 0.45)

    def test_the_size_is_what_was_asked_for(self):
        for size in ("640x480", "1280x720", "16x16"):
            with self.subTest(size):
                receiver = self.start("--capture-resolution", size)
                width, height = harness.jpeg_size(receiver.get("/snapshot.jpg").body)
                self.assertEqual((width, height), tuple(map(int, size.split("x"))))


class BeforeTest(harness.Test):
    def test_nothing_has_come_yet(self):
        receiver = self.receiver_stream(harness.free_port(socket.SOCK_DGRAM), self.key_file())
        fresh = receiver.freshness()
        self.assertEqual((fresh["state"], fresh["status"], fresh["sender"], fresh["source"]),
                         ("stale", "red", "silent", "unknown"))
        self.assertTrue(fresh["reason"])
        for name in ("seconds", "frame", "captured_at", "seconds_since_frame", "seconds_since_change"):
            self.assertIsNone(fresh[name], name)
        answer = receiver.get("/snapshot.jpg")
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(receiver.json("/frames"), {"frames": []})
        self.assertEqual(receiver.get("/freshness?fail=stale").status, 503)
        self.assertEqual(receiver.get("/").status, 200)
        with harness.Mjpeg(receiver.http_port):
            pass  # it waits for the first picture, and may be left


class SeveralStreamsTest(harness.Test):
    """Each stream of several has its own key, size and way."""

    def setUp(self):
        super().setUp()
        shared, own = harness.free_port(socket.SOCK_DGRAM), harness.free_port(socket.SOCK_DGRAM)
        keys = {name: harness.new_key() for name in ("lobby", "gate", "yard_2", "roof")}
        keys["roof"] = keys["yard_2"]  # told apart by stream_id
        self.sizes = {"lobby": (320, 240), "gate": (160, 120), "yard_2": (640, 480), "roof": (80, 60)}
        ports = {"lobby": shared, "gate": shared, "yard_2": own, "roof": own}
        extra = {"yard_2": {"stream_id": "yard"}, "roof": {"stream_id": "roof"}}
        self.receiver = self.receiver_config({name: {"udp_host": "127.0.0.1", "udp_port": ports[name], "key": keys[name],
                                                     "name": f"The {name}", **extra.get(name, {})} for name in keys})
        self.sender = self.sender_config({name: {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": ports[name],
                                                 "key": keys[name], "interval": 0.1, **extra.get(name, {}),
                                                 "capture_resolution": "%dx%d" % self.sizes[name]} for name in keys})

    def test_each_arrives_where_it_belongs(self):
        for name, size in self.sizes.items():
            self.receiver.wait_live(name)
            self.assertEqual(harness.jpeg_size(self.receiver.get(f"/{name}/snapshot.jpg").body), size)
            self.assertEqual(self.receiver.get(f"/{name}").status, 200)
            with harness.Mjpeg(self.receiver.http_port, f"/{name}/stream") as viewer:
                self.assertEqual(len(viewer.frames(3)), 3)
        everything = self.receiver.json("/freshness")
        self.assertEqual(set(everything), {"streams"})
        self.assertEqual(set(everything["streams"]), set(self.sizes))
        self.assertTrue(all(f["state"] == "live" for f in everything["streams"].values()))
        for name in self.sizes:
            stats = self.receiver.stats(name)
            self.assertEqual(stats["socket"]["refused"], {"short": 0, "version": 0, "key": 0})
            self.assertEqual(stats["total"]["refused"], {"session": 0, "replay": 0, "forged": 0, "malformed": 0})
        page = self.receiver.get("/").body.decode()
        for name in self.sizes:
            self.assertIn(name, page)
        self.assertEqual(self.receiver.get("/snapshot.jpg").status, 404)

    def test_roles(self):
        self.sender.wait_roles("transmit", *("capture " + name for name in self.sizes))
        self.receiver.wait_roles("intake", "serve")


class FreshnessTest(harness.Test):
    """The state follows what really happens."""

    def start(self, **options):
        port, key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        receiver = self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": port, "key": key, "live_seconds": 1,
                                                 "stale_seconds": 8, **options}})
        return receiver, port, key

    def test_a_sender_that_ends_and_returns(self):
        receiver, port, key = self.start()
        key_file = self.key_file(key=key)
        sender = self.card(port, key_file)
        last = receiver.wait_live("cam")["frame"]
        self.assertEqual(sender.stop(), 0)
        stalled = receiver.wait_freshness(lambda f: f["state"] == "stalled", 12, "stalled", "cam")
        self.assertEqual((stalled["status"], stalled["sender"], stalled["reason"]), ("yellow", "silent", "sender silent: nothing arrives at its port"))
        self.assertGreaterEqual(stalled["seconds"], 5)
        self.assertEqual(receiver.get("/cam/freshness?fail=stalled").status, 503)
        self.assertEqual(receiver.get("/cam/freshness?fail=stale").status, 200)
        stale = receiver.wait_freshness(lambda f: f["state"] == "stale", 12, "stale", "cam")
        self.assertEqual((stale["status"], stale["reason"]), ("red", "sender silent: nothing arrives at its port"))
        self.assertGreaterEqual(stale["seconds"], 8)
        self.assertEqual(receiver.get("/cam/freshness?fail=stale").status, 503)
        self.card(port, key_file)
        live = receiver.wait_live("cam")
        self.assertGreater(live["frame"], last)

    def test_a_source_that_fails_is_told_with_its_cause(self):
        receiver, port, key = self.start()
        forge = harness.Forge(self, port, key)
        jpeg = harness.make_jpeg()
        forge.frame(jpeg, 7)
        forge.status(frame=7)
        receiver.wait_live("cam")
        begin = time.monotonic()

        def tell():
            forge.status(frame=7, source=3, reason=2, age_ms=int((time.monotonic() - begin) * 1000))
            fresh = receiver.freshness("cam")
            return fresh if fresh["state"] == "stalled" else None
        fresh = harness.wait_until(tell, 12, "stalled")
        self.assertEqual((fresh["source"], fresh["reason"], fresh["sender"]), ("failed", "wrong user name or password", "alive"))
        self.assertTrue(5 <= fresh["seconds"] < 8, fresh)

    def test_a_newer_picture_that_is_lost_is_noticed(self):
        receiver, port, key = self.start()
        forge = harness.Forge(self, port, key)
        forge.frame(harness.make_jpeg(), 7)
        forge.status(frame=7)
        receiver.wait_live("cam")
        forge.status(frame=8)

        def still_alive():
            forge.status(frame=8)
            return receiver.freshness("cam")["state"] == "stalled"
        harness.wait_until(still_alive, 6, "stalled")
        self.assertEqual(receiver.freshness("cam")["reason"], "newer picture lost")

    def test_what_is_not_a_jpeg_is_not_shown(self):
        receiver, port, key = self.start()
        forge = harness.Forge(self, port, key)
        jpeg = harness.make_jpeg(colour="blue")
        forge.frame(jpeg, 1)
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] == 1, 5, "a frame", "cam")
        forge.frame(b"GIF89a" + bytes(5000), 2)
        forge.frame(jpeg[:2] + bytes(3000), 3)
        receiver.wait_stats(lambda s: s["total"]["frames_bad"] == 2, 5, "two bad frames", "cam")
        self.assertEqual(receiver.freshness("cam")["frame"], 1)
        self.assertEqual(receiver.get("/cam/snapshot.jpg?raw=1").body[:2], b"\xff\xd8")

    def test_older_frames_are_not_shown_after_newer(self):
        receiver, port, key = self.start()
        forge = harness.Forge(self, port, key)
        forge.frame(harness.make_jpeg(colour="blue"), 5)
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] == 1, 5, "a frame", "cam")
        forge.frame(harness.make_jpeg(colour="red"), 4)
        receiver.wait_stats(lambda s: s["total"]["frames_late"] == 1, 5, "a late frame", "cam")
        self.assertEqual(receiver.freshness("cam")["frame"], 5)
        self.assertEqual([f["frame"] for f in receiver.json("/cam/frames")["frames"]], [5])
        forge.session()
        forge.frame(harness.make_jpeg(colour="green"), 3)  # of a newer session every frame is newer
        receiver.wait_freshness(lambda f: f["frame"] == 3, 5, "the newer session's frame", "cam")

    def test_malformed_messages_are_counted(self):
        receiver, port, key = self.start()
        forge = harness.Forge(self, port, key)
        messages = [b"\x03" + bytes(60), bytes(60),                                       # unknown types
                    struct.pack(">BBHIQQIIHHIQQ", 2, 4, 0, 0, 0, 0, 0, 1000, 0, 0, 0, 0, 1),  # an unknown source state
                    struct.pack(">BBHIQQIIHHIQQ", 2, 1, 0, 0, 0, 0, 0, 1000, 0, 0, 0, 0, 1) + b"x"]  # too long
        for message in messages:
            forge.message(message)
        symbol = bytes(100)
        forge.fragment(symbol, 1, index=1)            # no such index
        forge.fragment(symbol, 1, block=1)            # no such block
        forge.fragment(symbol, 1, data=2)             # more data than symbols
        forge.fragment(symbol, 1, size=50)            # symbols longer than they need be
        forge.fragment(symbol, 1, symbol_bytes=99)    # a byte too many
        forge.fragment(symbol, 0)                     # no such frame
        forge.fragment(symbol, 1 << 53)
        forge.fragment(symbol, 1, data=200, size=20000)  # more data than a block has
        receiver.wait_stats(lambda s: s["total"]["refused"]["malformed"] == forge.sent, 5, f"{forge.sent} malformed", "cam")
        forge.frame(harness.make_jpeg(), 9)
        receiver.wait_freshness(lambda f: f["frame"] == 9, 5, "a frame", "cam")


if __name__ == "__main__":
    harness.main()

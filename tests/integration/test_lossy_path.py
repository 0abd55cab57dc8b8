"""Paths that lose, delay, reorder and repeat datagrams: pictures arrive whole or are counted, and are never wrong."""
import itertools
import re
import socket
import time

import harness


class TransportTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.key = harness.new_key()
        self.ports = [harness.free_port(socket.SOCK_DGRAM), harness.free_port(socket.SOCK_DGRAM)]

    def receive(self, port, **options):
        return self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": port, "key": self.key, "live_seconds": 1,
                                             "stale_seconds": 10, **options}},
                                    server={"state_dir": self.path(f"recv-{port}")}, name=f"recv-{port}.json")

    def send(self, *destinations, **options):
        return self.sender_config({"cam": {"mode": "test", "cloud_ip": [f"127.0.0.1:{p}" for p in destinations], "key": self.key,
                                           "interval": 0.05, "capture_resolution": "640x480", **options}})

    def through(self, loss_tolerance=0.05, **relay):
        """A receiver behind a relay, and its sender."""
        receiver = self.receive(self.ports[0])
        relay = harness.Relay(self, self.ports[0], **relay)
        return receiver, relay, self.send(relay.port, loss_tolerance=loss_tolerance)

    def settle(self, receiver, relay, sender):
        """Ends the sender; the receiver's counters, when all that the relay has is delivered, and the relay's."""
        self.assertEqual(sender.stop(), 0)
        harness.wait_until(lambda: not relay.stats()["queued"], 10, "an empty relay")
        fate = relay.final()

        def counted(stats):
            total, refused = stats["total"], stats["socket"]["refused"]
            return total["datagrams_received"] + sum(total["refused"].values()) + sum(refused.values()) == fate["sent"]
        stats = receiver.wait_stats(counted, 10, f"all {fate['sent']} datagrams counted", "cam")
        self.assertEqual(stats["socket"]["kernel_drops"], 0)
        return stats, fate

    def wait_frames(self, receiver, count):
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] >= count, 40, f"{count} frames", "cam")

    def test_duplicates_and_another_order_change_nothing(self):
        receiver, relay, sender = self.through(duplicate=0.2, reorder="0.2:20", seed=3)
        with harness.Mjpeg(receiver.http_port, "/cam/stream", timeout=30) as viewer:
            numbers = viewer.frames(30)
        self.assertEqual(numbers, sorted(set(numbers)))
        stats, fate = self.settle(receiver, relay, sender)
        self.assertEqual(stats["total"]["refused"], {"session": 0, "replay": fate["duplicated"], "forged": 0, "malformed": 0})
        self.assertEqual(stats["total"]["frames_incomplete"], 0)
        self.assertEqual(stats["total"]["datagrams_lost"], 0)
        self.assertEqual(stats["total"]["datagrams_received"], fate["received"])

    def test_corrupted_datagrams_never_become_a_picture(self):
        """A second receiver gets the same datagrams untouched: what the first one shows is the same."""
        hurt, clean = self.receive(self.ports[0]), self.receive(self.ports[1])
        relay = harness.Relay(self, self.ports[0], corrupt=0.02, truncate=0.01, seed=4)
        with harness.Mjpeg(hurt.http_port, "/cam/stream?raw=1", 30) as a, harness.Mjpeg(clean.http_port, "/cam/stream?raw=1", 30) as b:
            sender = self.send(relay.port, self.ports[1])
            right, newest, compared = {}, 0, 0
            for headers, jpeg in itertools.islice(a, 500):
                number = int(headers["x-frame"])
                while newest < number:
                    clean_headers, clean_jpeg = next(b)
                    newest = int(clean_headers["x-frame"])
                    right[newest] = clean_jpeg
                if number in right:
                    self.assertEqual(jpeg, right[number], "a picture that was not sent")
                    compared += 1
                if compared == 20:
                    break
            self.assertEqual(compared, 20)
        self.wait_frames(hurt, 40)
        stats, fate = self.settle(hurt, relay, sender)
        refused = sum(stats["total"]["refused"].values()) + sum(stats["socket"]["refused"].values())
        # a truncated datagram may be corrupted, too, but each is refused once
        self.assertLessEqual(refused, fate["corrupted"] + fate["truncated"])
        self.assertGreaterEqual(refused, max(fate["corrupted"], fate["truncated"]))
        self.assertGreater(stats["total"]["refused"]["forged"], 0)
        self.assertEqual((stats["total"]["refused"]["malformed"], stats["total"]["frames_bad"]), (0, 0))

    def every_picture_arrives(self, drop, loss_tolerance, seed):
        """The first 300, small and fast."""
        receiver = self.receive(self.ports[0], buffer_size=2000, max_frame_bytes="1Mi")
        relay = harness.Relay(self, self.ports[0], drop=drop, seed=seed)
        sender = self.send(relay.port, interval=0.005, capture_resolution="320x240", loss_tolerance=loss_tolerance)
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] >= 300, 60, "300 frames", "cam")
        stats, fate = self.settle(receiver, relay, sender)
        total = stats["total"]
        first = int(re.search(r"session (\d+)\d{3}:", sender.log()).group(1))  # in ms
        numbers = [f["frame"] for f in receiver.json("/cam/frames")["frames"]]
        self.assertEqual(numbers[:300], list(range(first, first + 300)))
        self.assertGreater(fate["dropped"], fate["received"] * drop / 2)
        # most of what is lost are data symbols; parity symbols are not recovered
        self.assertGreater(total["datagrams_recovered"], fate["dropped"] / 4)
        self.assertLessEqual(total["datagrams_recovered"], fate["dropped"])
        self.assertEqual((total["frames_bad"], total["frames_late"], sum(total["refused"].values())), (0, 0, 0))

    def test_every_picture_arrives_at_1_percent_loss(self):
        self.every_picture_arrives(0.01, 0.05, 11)

    def test_every_picture_arrives_at_5_percent_loss(self):
        self.every_picture_arrives(0.05, 0.05, 12)

    def test_every_picture_arrives_at_10_percent_loss_if_told(self):
        self.every_picture_arrives(0.1, 0.1, 13)

    def test_losses_are_counted(self):
        receiver, relay, sender = self.through(loss_tolerance=0, drop=0.02, seed=5)
        self.wait_frames(receiver, 40)
        stats, fate = self.settle(receiver, relay, sender)
        total = stats["total"]
        self.assertGreater(fate["dropped"], 10)
        # what was lost at the very end, nothing that came later can tell of
        self.assertLessEqual(total["datagrams_lost"], fate["dropped"])
        self.assertGreaterEqual(total["datagrams_lost"], fate["dropped"] - 5)
        self.assertEqual(total["datagrams_sent"], total["datagrams_received"] + total["datagrams_lost"])
        self.assertGreater(total["frames_incomplete"] + total["frames_complete"], 40)
        self.assertGreater(total["frames_incomplete"], 0)
        self.assertEqual((total["frames_bad"], sum(total["refused"].values())), (0, 0))

    def test_bursts_of_losses(self):
        receiver, relay, sender = self.through(loss_tolerance=0, burst="8:0.05", seed=6)
        self.wait_frames(receiver, 40)
        stats, fate = self.settle(receiver, relay, sender)
        self.assertGreater(fate["dropped"], 0)
        self.assertEqual(sum(stats["total"]["refused"].values()), 0)
        receiver.wait_stats(lambda s: s["total"]["frames_incomplete"] > 0, 5, "frames that were given up", "cam")

    def test_a_cut_line_heals(self):
        receiver, relay, _ = self.through()
        last = receiver.wait_live("cam")["frame"]
        relay.set("drop", 1)
        fresh = receiver.wait_freshness(lambda f: f["state"] == "stalled", 15, "stalled", "cam")
        self.assertEqual(fresh["reason"], "sender silent: nothing arrives at its port")
        relay.set("drop", 0)
        fresh = receiver.wait_live("cam")
        self.assertGreater(fresh["frame"], last)

    def test_a_path_that_holds_everything_back_does_not_look_live(self):
        receiver, relay, _ = self.through()
        receiver.wait_live("cam")
        receiver.wait_freshness(lambda f: f["seconds"] < 2 and f["delay_seconds"] < 0.5, 10, "no delay", "cam")
        relay.set("delay", 8000)
        fresh = receiver.wait_freshness(lambda f: f["sender"] == "delayed", 30, "delayed", "cam")
        self.assertNotEqual(fresh["state"], "live")
        fresh = receiver.wait_freshness(lambda f: f["sender"] == "delayed" and f["seconds"] > 7 and f["seconds_since_frame"] < 1, 20,
                                        "pictures that come, old as they are", "cam")
        self.assertNotEqual(fresh["state"], "live")
        self.assertIn(fresh["reason"], ("sender delayed",))
        self.assert_delay(fresh["delay_seconds"], 7.5, 9)
        relay.set("delay", 0)
        receiver.wait_live("cam", timeout=30)

    def test_recorded_datagrams_do_not_bring_a_picture_back(self):
        receiver = self.receive(self.ports[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tap:
            tap.bind(("127.0.0.1", 0))
            tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            tap.setblocking(False)
            sender = self.send(self.ports[0], tap.getsockname()[1])
            recorded = []

            def record():
                try:
                    while True:
                        recorded.append(tap.recv(65536))
                except BlockingIOError:
                    return len(recorded) > 500
            harness.wait_until(record, 30, "a recording")
            receiver.wait_live("cam")
            self.assertEqual(sender.stop(), 0)
            record()
            before = receiver.stats("cam")["total"]

            def replay():
                for datagram in recorded[:200]:
                    tap.sendto(datagram, ("127.0.0.1", self.ports[0]))
                return receiver.freshness("cam")["state"] == "stalled"
            harness.wait_until(replay, 20, "stalled, whatever is replayed")
        after = receiver.stats("cam")["total"]
        self.assertEqual(after["frames_complete"], before["frames_complete"])
        self.assertEqual(after["datagrams_received"], before["datagrams_received"])
        self.assertGreater(after["refused"]["replay"], before["refused"]["replay"])

    def test_each_destination_gets_every_picture(self):
        first, second = self.receive(self.ports[0]), self.receive(self.ports[1])
        self.send(*self.ports)
        for receiver in (first, second):
            receiver.wait_live("cam")
            stats = receiver.wait_stats(lambda s: s["total"]["frames_complete"] > 20, 20, "frames", "cam")
            self.assertEqual(stats["total"]["frames_incomplete"], 0)

    def test_the_receiver_need_not_be_there(self):
        """Datagrams to a closed port come back as errors: they do nothing to the sender."""
        sender = self.send(self.ports[0])
        sender.wait_roles("transmit", "capture cam")
        roles = sender.roles()
        begin = time.monotonic()
        harness.wait_until(lambda: time.monotonic() - begin > 2, 5, "two seconds without a receiver")
        receiver = self.receive(self.ports[0])
        receiver.wait_live("cam")
        receiver.stop()
        self.receive(self.ports[0]).wait_live("cam")
        self.assertEqual(sender.roles(), roles)


if __name__ == "__main__":
    harness.main()

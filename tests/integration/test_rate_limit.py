"""rate_limit: the limit holds, each stream gets its share, and the log says what was left out."""
import socket
import time

import harness


class PacingTest(harness.Test):
    def start(self, streams, rate):
        """One sender, one receiver, large pictures of the test card as fast as they come."""
        port = harness.free_port(socket.SOCK_DGRAM)
        keys = {name: harness.new_key() for name in streams}
        receiver = self.receiver_config({name: {"udp_host": "127.0.0.1", "udp_port": port, "key": keys[name]} for name in streams})
        sender = self.sender_config({name: {"mode": "test", "cloud_ip": f"127.0.0.1:{port}", "key": keys[name], "interval": 0,
                                            "capture_resolution": "1280x720", "jpeg_quality": 80, "loss_tolerance": 0, **options}
                                     for name, options in streams.items()}, sender={"rate_limit": rate})
        for name in streams:
            receiver.wait_live(name)
        return receiver, sender

    def bits(self, receiver, name):
        total = receiver.stats(name)["total"]
        return (total["bytes_received"] + 28 * total["datagrams_received"]) * 8

    def rates(self, receiver, names, seconds):
        """Bit/s of each stream over a while, in IP packets."""
        before, start = {name: self.bits(receiver, name) for name in names}, time.monotonic()
        harness.wait_until(lambda: time.monotonic() - start >= seconds, seconds + 1, "the time to be over")
        took = time.monotonic() - start
        return {name: (self.bits(receiver, name) - before[name]) / took for name in names}

    def test_weights(self):
        receiver, sender = self.start({"heavy": {"weight": 3}, "light": {"weight": 1}}, "3M")
        rates = self.rates(receiver, ("heavy", "light"), 6)
        self.assert_rate(sum(rates.values()), 2.7e6, 3.3e6)
        self.assertAlmostEqual(rates["heavy"] / rates["light"], 3, delta=0.6 * min(harness.stretch(), 2))
        for name in rates:
            stats = receiver.stats(name)["total"]
            self.assertEqual((stats["datagrams_lost"], stats["frames_incomplete"]), (0, 0), "what is too much is left out whole")
            self.assertGreater(stats["frames_skipped"], 10)
        sender.wait_log(r"rate_limit is too low: \d+ pictures of \d+ were left out in 10 s; all of them would take about", 15)

    def test_what_one_does_not_need_the_others_get(self):
        receiver, _ = self.start({"slow": {"weight": 50, "interval": 1, "capture_resolution": "320x240"}, "fast": {}}, "4M")
        rates = self.rates(receiver, ("slow", "fast"), 5)
        self.assertGreater(rates["fast"], 3.2e6 / harness.stretch())
        self.assertEqual(receiver.stats("slow")["total"]["frames_skipped"], 0)


if __name__ == "__main__":
    harness.main()

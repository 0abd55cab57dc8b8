"""The counters add up: each datagram that was sent was received or lost, and each that arrived was accepted or refused."""
import socket

import harness

KEYS = ("session", "replay", "forged", "malformed")


class LedgerTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.key, self.port = harness.new_key(), harness.free_port(socket.SOCK_DGRAM)
        self.relay = harness.Relay(self, self.port, seed=21)

    def receive(self):
        return self.receiver_stream(self.port, self.key_file("stream.key", self.key))

    def send(self):
        return self.card(self.relay.port, self.key_file("stream.key", self.key), "--interval", "0.02")

    def trouble(self, on):
        """The path loses, reorders and duplicates; or nothing of it."""
        for name, value in (("drop", 0.05), ("duplicate", 0.05), ("reorder", "0.1:50")):
            self.relay.set(name, value if on else 0)

    @staticmethod
    def arrived(stats):
        total, refused = stats["total"], stats["socket"]["refused"]
        return total["datagrams_received"] + sum(total["refused"][k] for k in KEYS) + sum(refused.values())

    def fate(self):
        """The relay's counters, once it has nothing left to deliver."""
        return harness.wait_until(lambda: (lambda s: None if s["queued"] else s)(self.relay.stats()), 10, "an empty relay")

    def balance(self, receiver):
        """Waits until the receiver has counted all that the relay has delivered to it; its statistics."""
        fate = self.fate()
        stats = receiver.wait_stats(lambda s: self.arrived(s) == fate["sent"], 10, f"all {fate['sent']} datagrams counted")
        total = stats["total"]
        self.assertEqual(stats["socket"]["kernel_drops"], 0)
        self.assertEqual(total["datagrams_sent"], total["datagrams_received"] + total["datagrams_lost"])
        self.assertEqual({"sent": total["datagrams_sent"], "lost": total["datagrams_lost"], "refused": total["refused"]},
                         {"sent": fate["received"], "lost": fate["dropped"],
                          "refused": {"session": 0, "replay": fate["duplicated"], "forged": 0, "malformed": 0}})
        return stats

    def run_through(self, receiver):
        """A run of the sender through trouble, whose last datagrams arrive: nothing would tell of their loss."""
        known = receiver.stats()["total"]["frames_complete"]
        self.trouble(True)
        sender = self.send()
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] > known + 60, 40, "pictures through the trouble")
        self.end(receiver, sender)

    def end(self, receiver, sender):
        self.trouble(False)
        status = receiver.stats()["total"]["datagrams_received"]
        receiver.wait_stats(lambda s: s["total"]["datagrams_received"] > status + 20, 10, "datagrams without trouble")
        self.assertEqual(sender.stop(), 0)

    def test_over_restarts_of_the_sender(self):
        receiver = self.receive()
        sessions = []
        for _ in range(3):
            self.run_through(receiver)
            sessions.append(self.balance(receiver)["session"])
        total = receiver.stats()["total"]
        self.assertGreater(min(s["datagrams_lost"] for s in sessions), 0)
        for name in ("datagrams_sent", "datagrams_received", "datagrams_lost", "frames_complete", "bytes_received"):
            self.assertEqual(sum(s[name] for s in sessions), total[name], name)

    def test_over_a_restart_of_the_receiver(self):
        first = self.receive()
        self.trouble(True)
        sender = self.send()
        first.wait_stats(lambda s: s["total"]["frames_complete"] > 60, 40, "pictures through the trouble")
        self.trouble(False)
        # what was overtaken is on its way by then
        known = self.relay.stats()["received"]
        harness.wait_until(lambda: self.relay.stats()["received"] > known + 100, 10, "datagrams without trouble")
        self.relay.command("hold")
        held = self.relay.stats()
        counted = first.wait_stats(lambda s: self.arrived(s) == held["sent"], 10, "all that was delivered")["total"]
        self.assertEqual(counted["datagrams_lost"], counted["datagrams_sent"] - counted["datagrams_received"])
        first.stop()
        second = self.receive()
        self.relay.command("release")
        self.trouble(True)
        # what was held may be more than that, and has come without trouble
        second.wait_stats(lambda s: s["total"]["frames_complete"] > 60 and s["total"]["datagrams_lost"] > 0, 40,
                          "pictures for the second, through the trouble")
        self.end(second, sender)
        fate = self.fate()
        stats = second.wait_stats(lambda s: self.arrived(s) == fate["sent"] - held["sent"], 10, "all that the second got")
        total = stats["total"]
        self.assertEqual(total["datagrams_sent"] + counted["datagrams_sent"], fate["received"])
        self.assertEqual(total["datagrams_lost"] + counted["datagrams_lost"], fate["dropped"])
        self.assertEqual(total["refused"]["replay"] + counted["refused"]["replay"], fate["duplicated"])
        self.assertEqual(stats["session"]["datagrams_sent"], total["datagrams_sent"])
        self.assertGreater(total["datagrams_lost"], 0)

    def test_over_a_restart_of_the_sender_while_nobody_receives(self):
        """The session that began meanwhile counts from where the receiver came into it."""
        first = self.receive()
        sender = self.send()
        first.wait_stats(lambda s: s["total"]["frames_complete"] > 20, 30, "pictures")
        first.stop()
        sender.stop()
        sent = self.fate()["received"]
        self.send()
        harness.wait_until(lambda: self.relay.stats()["received"] > sent + 300, 20, "datagrams for nobody")
        second = self.receive()
        stats = second.wait_stats(lambda s: s["total"]["frames_complete"] > 20, 20, "pictures for the second")
        self.assertEqual((stats["total"]["datagrams_lost"], stats["session"]["datagrams_lost"]), (0, 0))

    def test_what_was_sent_before_is_not_lost(self):
        """A receiver that comes into a session that has gone on for a while."""
        sender = self.card(self.port, self.key_file("stream.key", self.key))
        first = self.receive()
        first.wait_stats(lambda s: s["total"]["datagrams_sent"] > 300, 30, "a few hundred datagrams")
        first.stop()
        second = self.receive()
        stats = second.wait_stats(lambda s: s["total"]["frames_complete"] > 10, 10, "pictures")
        self.assertEqual((stats["total"]["datagrams_lost"], stats["session"]["datagrams_lost"]), (0, 0))
        self.assertEqual(sender.stop(), 0)


if __name__ == "__main__":
    harness.main()

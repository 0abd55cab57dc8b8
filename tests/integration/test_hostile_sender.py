"""Senders that have a key and make each datagram cost the receiver as much as they can, beside an honest one: ddrecv goes on, and
the honest stream stays live, even if they share its port."""
import socket
import time

import harness

PORTS = 12
BIT_RATE = 95e6
SECONDS = 4  # a heartbeat that comes a second too late


class HostileSenderTest(harness.Test):
    @classmethod
    def setUpClass(cls):
        """A receiver with an honest stream, which its sender sends, and the others' ports."""
        cls.key = harness.new_key()
        cls.ports = [harness.free_port(socket.SOCK_DGRAM) for _ in range(PORTS + 1)]
        starter = cls("test_recovery")  # starts what all tests share
        starter.folder, starter.processes = cls.share().folder, cls.share().processes
        options = {"udp_host": "127.0.0.1", "buffer_bytes": "24Mi"}
        streams = {f"bad{i}": {**options, "udp_port": port, "stream_id": f"bad{i}", "key": cls.key}
                   for i, port in enumerate(cls.ports[:PORTS])}
        gate_key = starter.key_file()
        streams["gate"] = {**options, "udp_port": cls.ports[PORTS], "key_file": gate_key}
        streams["guest"] = {**options, "udp_port": cls.ports[PORTS], "stream_id": "guest", "key": cls.key}
        cls.receiver = starter.receiver_config(streams)
        starter.card(cls.ports[PORTS], gate_key)
        cls.receiver.wait_live("gate")

    def wait_idle(self):
        """Until what the attack before has left in the kernel's queues is handled."""
        seen = []

        def idle():
            seen.append([self.receiver.stats(f"bad{i}")["total"]["datagrams_received"] for i in range(PORTS)])
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]
        harness.wait_until(idle, 20, "idle ports")

    def attack(self, kind, symbol_bytes, seconds=SECONDS, targets=None):
        """Attacks all ports but the honest one, or those targets. Returns the stats of one of the hostile streams afterwards."""
        targets = targets or [f"{port}=bad{i}" for i, port in enumerate(self.ports[:PORTS])]
        self.wait_idle()
        intake = self.receiver.roles()["intake"]
        before = self.receiver.stats("gate")["total"]["frames_complete"]
        start = time.monotonic()
        hostile = harness.Process(self, [harness.program("hostile"), kind, symbol_bytes, seconds, BIT_RATE, self.key, *targets])
        while hostile.running():
            fresh = self.receiver.freshness("gate")
            self.assertEqual(fresh["state"], "live")
            self.assertLess(fresh["delay_seconds"], harness.stretch(), "the honest stream is not late")
            time.sleep(0.1)
        took = time.monotonic() - start
        self.assertEqual(hostile.wait(), 0)
        complete = self.receiver.stats("gate")["total"]["frames_complete"] - before
        self.assertGreater(complete, took * 20 * 0.7 / harness.stretch(), "pictures of the honest stream meanwhile")
        self.assertEqual(self.receiver.roles().get("intake"), intake, "intake goes on")
        print(f"    {kind} {symbol_bytes}: {hostile.out().strip()}, {complete} pictures of the honest stream")
        return self.receiver.stats("bad0")["total"]

    def test_recovery(self):
        self.assertGreater(self.attack("recover", 64)["datagrams_recovered"], 0)

    def test_recovery_at_the_honest_port(self):
        self.attack("recover", 64, 2, [f"{self.ports[PORTS]}=guest"])
        socket_stats = self.receiver.stats("gate")["socket"]
        print(f"    {socket_stats['kernel_drops']} dropped by the kernel, {socket_stats['share_drops']} for their share")

    def test_symbols_of_one_byte(self):
        before = self.receiver.stats("bad0")["total"]["refused"]["malformed"]
        self.assertGreater(self.attack("recover", 1, 1)["refused"]["malformed"], before)

    def test_frames_that_claim_to_be_large(self):
        before = self.receiver.stats("bad0")["total"]["frames_incomplete"]
        self.assertGreater(self.attack("begin", 0)["frames_incomplete"], before)

    def test_forgeries_as_large_as_can_be(self):
        before = self.receiver.stats("bad0")["total"]["refused"]["forged"]
        self.assertGreater(self.attack("forge", 0, 2)["refused"]["forged"], before)


if __name__ == "__main__":
    harness.main()

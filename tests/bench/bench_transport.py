"""The data path, from JPEG to wire and from wire to ring, against the least that its cryptography and its system calls cost."""
import json
import os
import socket
import subprocess

import bench
import harness

# Of the flood: near what a core can take, since what it is compared with is never idle. The first that this machine takes counts.
MBITS = (6000, 4500, 3000, 2000)


class TransportBench(bench.Bench):
    def run_transport(self, *arguments):
        """The last line that the program prints."""
        done = subprocess.run([os.path.join(harness.BUILD, "tests", "transport"), *map(str, arguments)], stdout=subprocess.PIPE,
                              check=True, timeout=60)
        return json.loads(done.stdout.splitlines()[-1])

    def test_transmit(self):
        """JPEG of 90 KB to wire, default parity, one thread, in datagrams per CPU-second"""
        rounds = [self.run_transport("transmit", 1) for _ in range(bench.RUNS)]
        bench.report("sealing and sending alone, bursts of 16", [r["bare_gbps"] for r in rounds], "Gbit/s")
        bench.report("outlet: parity, fragments, sealing, sending", [r["ours_gbps"] for r in rounds], "Gbit/s")
        ratio = bench.report("outlet / alone", [r["ours_gbps"] / r["bare_gbps"] for r in rounds], "", ">= 0.6")
        self.assertGreaterEqual(ratio, 0.6)

    def flood(self, loss, mbit):
        """Gbit per CPU-second of intake, beside a flood of frames of 90 KB. None if the kernel had to drop some."""
        port, key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        receiver = self.receiver_stream(port, self.key_file(f"flood{port}.key", key), "--quiet")
        pid = receiver.roles()["intake"]
        # what its ring takes of memory, the kernel gives at the first touch: once, and not for every datagram
        self.run_transport("flood", port, key, 500, 2, 0)
        known = receiver.stats()["total"]
        before = sum(s for _, s in bench.thread_times(pid).values())
        sent = self.run_transport("flood", port, key, mbit, 3, loss)
        stats, earlier = receiver.stats(), None
        while stats != earlier:  # intake reads what still waits in the kernel
            bench.pause(0.3)
            stats, earlier = receiver.stats(), stats
        seconds = sum(s for _, s in bench.thread_times(pid).values()) - before
        receiver.stop()
        if stats["socket"]["kernel_drops"]:
            return None
        received = (stats["total"]["bytes_received"] - known["bytes_received"]) * 8 / 1e9
        self.assertAlmostEqual(received, sent["sent_gbit"], delta=sent["sent_gbit"] / 100)
        # it ends in the middle of one
        self.assertLessEqual(stats["total"]["frames_incomplete"] - known["frames_incomplete"], 1)
        return received / seconds

    def compare(self, loss, limit):
        bare, ours, rates = [], [], list(MBITS)
        while len(ours) < bench.RUNS:
            alone, flooded = self.run_transport("limits", 16)["receive_gbps"], self.flood(loss, rates[0])
            if flooded is None:
                rates.pop(0)
                self.assertTrue(rates, f"the kernel drops datagrams at {MBITS[-1]} Mbit/s")
                continue
            bare.append(alone)
            ours.append(flooded)
        bench.report("receiving and opening alone", bare, "Gbit/s")
        bench.report(f"intake, {loss} % lost, at {rates[0]} Mbit/s", ours, "Gbit/s")
        ratio = bench.report(f"intake / alone, {loss} % lost", [a / b for a, b in zip(ours, bare)], "", f">= {limit}")
        self.assertGreaterEqual(ratio, limit)

    def test_intake(self):
        """Wire to ring, frames of 90 KB, one thread, in datagrams per CPU-second"""
        self.compare(0, 0.75)

    def test_intake_with_loss(self):
        """The same with every 20th datagram lost"""
        self.compare(5, 0.5)


if __name__ == "__main__":
    harness.main()

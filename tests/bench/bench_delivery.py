"""What share of pictures arrives over a bad network: 1,000 of about 90 KB from ddsend through the relay to ddrecv, for each of its
troubles; and the tail, of 100,000, by the simulation."""
import os
import re
import socket
import subprocess

import bench
import harness
import test_lost_bursts

PICTURES = int(os.environ.get("DD_BENCH_PICTURES", "1000"))
SIMULATED = 100 * PICTURES
INTERVAL = 0.02
BYTES = (80000, 100000)

# what the path does, loss_tolerance, the least share
PATHS = [
    ("no loss", {}, 0.05, 1),
    ("1 % lost", {"drop": 0.01}, 0.05, 1),
    ("5 % lost", {"drop": 0.05}, 0.05, 1),
    ("10 % lost, loss_tolerance 0.1", {"drop": 0.1}, 0.1, 0.999),
    ("20 % lost, loss_tolerance 0.2", {"drop": 0.2}, 0.2, 0.999),
    ("bursts of 8, 2 % lost, loss_tolerance 0.15", {"burst": "8:0.02"}, 0.15, 0.995),
    ("10 % within 50 later, 5 % twice", {"reorder": "0.1:50", "duplicate": 0.05}, 0.05, 1),
]


# percent of calls dropped, loss_tolerance, the least share
BURSTS = [(1, 0.05, 0.999), (5, 0.05, 0.99), (10, 0.1, 0.99)]


class BurstsBench(bench.Bench, test_lost_bursts.Firewall):
    def test_firewall(self):
        """Pictures of 1920x1080 and about 90 KB, 25 a second, that arrive behind a firewall which drops whole calls"""
        short = []
        for percent, tolerance, least in BURSTS:
            arrived, together = self.deliver(percent, tolerance, PICTURES, 0.04)
            print(f"    {percent:3} % of calls dropped, {together:.2f} datagrams in each, loss_tolerance {tolerance:<5}   {arrived} of {PICTURES} "
                  f"pictures, target {100 * least:g} %", flush=True)
            if arrived < least * PICTURES:
                short.append(percent)
        self.assertEqual(short, [])


class DeliveryBench(bench.Bench):
    def deliver(self, path, loss_tolerance, seed):
        """How many of the first PICTURES arrive, and what is lost of datagrams."""
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key, "--buffer-size", 2 * PICTURES, "--buffer-bytes", 200000 * PICTURES, "--max-frame-bytes", "1Mi",
                                        "--quiet")
        relay = harness.Relay(self, port, seed=seed, **path)
        sender = self.sender("--mode", "test", "--capture-resolution", "1920x1080", "--jpeg-subsampling", "420", "--jpeg-quality", "68",
                             "--interval", INTERVAL, "--rate-limit", "1G", "--loss-tolerance", loss_tolerance, "--cloud-ip",
                             "127.0.0.1", "--cloud-port", relay.port, "--key-file", key)
        first = int(sender.wait_log(r"session (\d+)\d{3}:").group(1))
        receiver.wait_freshness(lambda f: f["frame"] and f["frame"] >= first + PICTURES + 10, 60 + 3 * INTERVAL * PICTURES, "pictures")
        sender.stop()
        frames = [f for f in receiver.frames() if f["frame"] < first + PICTURES]
        self.assertEqual(receiver.stats()["socket"]["kernel_drops"], 0)
        receiver.stop()
        fate = relay.final()
        self.assertEqual(fate["overflow"], 0)
        size = sum(f["bytes"] for f in frames) / len(frames)
        self.assertTrue(BYTES[0] <= size <= BYTES[1], f"pictures of {size:.0f} bytes")
        return len(frames), fate["dropped"] / fate["received"]

    def test_relay(self):
        """Pictures of 1920x1080 and about 90 KB that arrive over the relay"""
        short = []
        for seed, (what, path, tolerance, least) in enumerate(PATHS):
            arrived, lost = self.deliver(path, tolerance, seed + 100)
            print(f"    {what:<46} {100 * lost:5.1f} % of datagrams lost   {arrived} of {PICTURES} pictures, target {100 * least:g} %",
                  flush=True)
            if arrived < least * PICTURES:
                short.append(what)
        self.assertEqual(short, [])

    def test_simulation(self):
        """The same by simulation, through the code of both ends"""
        done = subprocess.run([os.path.join(harness.BUILD, "tests", "simulate"), str(SIMULATED)], stdout=subprocess.PIPE, text=True,
                              timeout=900)
        print(re.sub("^", "    ", done.stdout.rstrip(), flags=re.M), flush=True)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    harness.main()

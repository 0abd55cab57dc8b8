"""Many streams at one port: all of them arrive, and what they take of memory is what --check-config said."""
import os
import re
import socket

import harness

STREAMS = 16
RATE = 10
# AddressSanitizer would keep what was freed
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"


class StreamsTest(harness.Test):
    def setUp(self):
        super().setUp()
        harness.require_root()
        port = harness.free_port(socket.SOCK_DGRAM)
        keys = {f"s{i}": harness.new_key() for i in range(STREAMS)}
        self.receiving = {name: {"udp_host": "127.0.0.1", "udp_port": port, "key": key, "buffer_size": 20, "buffer_bytes": "1Mi",
                                 "max_frame_bytes": "256Ki"} for name, key in keys.items()}
        self.sending = {name: {"mode": "test", "capture_resolution": "320x240", "interval": 1 / RATE, "cloud_ip": "127.0.0.1",
                               "cloud_port": port, "key": key} for name, key in keys.items()}

    def promised_mib(self):
        """What --check-config says that the roles take at most, without the kernel's buffers."""
        path = self.write_json("check.json", {"server": {}, "streams": self.receiving})
        code, out, log = self.run_program("ddrecv", "--config", path, "--check-config")
        self.assertEqual(code, 0, log)
        rows = [(role, float(mib)) for role, mib in re.findall(r"^  (\S.{16}) \S.*? +([\d.]+) MiB$", out, re.M)]
        self.assertAlmostEqual(sum(mib for _, mib in rows), float(re.search(r"at most ([\d.]+) MiB of memory", out).group(1)), delta=1)
        return sum(mib for role, mib in rows if role.strip() != "kernel")

    def test_all_arrive_within_the_memory_that_was_promised(self):
        promised = self.promised_mib()
        receiver = self.receiver_config(self.receiving)
        empty = sum(harness.memory_kib(pid) for pid in receiver.roles().values())
        sender = self.sender_config(self.sending)
        for name in self.receiving:
            receiver.wait_live(name, timeout=60)
        begin = {name: receiver.stats(name)["total"]["frames_complete"] for name in self.receiving}
        for name in self.receiving:  # until every ring is full
            receiver.wait_stats(lambda s: s["total"]["frames_complete"] >= begin[name] + 3 * RATE, 60, f"pictures of {name}", name)
        self.assertEqual(sender.stop(), 0)
        for name in self.receiving:
            stats = receiver.stats(name)
            total = stats["total"]
            for what in ("datagrams_lost", "frames_incomplete", "frames_late", "frames_bad"):
                self.assertEqual(total[what], 0, f"{name}: {what}")
            self.assertEqual(stats["socket"]["kernel_drops"], 0)
            self.assertEqual(len(receiver.json(f"/{name}/frames")["frames"]), 20)
        taken = (sum(harness.memory_kib(pid) for pid in receiver.roles().values()) - empty) / 1024
        print(f"    {STREAMS} streams: {taken:.1f} MiB taken, {promised} MiB promised", flush=True)
        self.assertLess(taken, promised)


if __name__ == "__main__":
    harness.main()

"""A flood beside a live stream: datagrams that a stranger can make cost no picture, and each is refused under its cause."""
import os
import socket

import harness

RATE = int(os.environ.get("DD_FLOOD_RATE", "20000"))
SECONDS = float(os.environ.get("DD_FLOOD_SECONDS", "3"))
# AddressSanitizer would keep what was freed
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"


class FloodTest(harness.Test):
    def test_beside_a_live_stream(self):
        harness.require_root()
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key, "--buffer-size", "50", "--buffer-bytes", "1Mi", "--max-frame-bytes", "256Ki")
        flood = harness.Flood(self, port)
        sender = self.card(port, key, "--cloud-ip", f"127.0.0.1,127.0.0.1:{flood.tap}")
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] > 60, 30, "pictures, and a ring that is full")
        flood.run(RATE, 2)  # until each way has been gone: what AddressSanitizer notes of it stays
        before, intake = receiver.stats(), receiver.roles()["intake"]
        memory = harness.memory_kib(intake)
        sent = flood.run(RATE, SECONDS)
        self.assertGreater(sent["sent"], 0.95 * RATE * SECONDS / harness.stretch(), "a flood")

        def refused(stats):
            causes = {**stats["total"]["refused"], **stats["socket"]["refused"]}
            return {name: causes[name] for name in ("short", "version", "key", "session", "replay", "forged", "malformed")}

        known = refused(before)
        expected = {name: sent.get(name, 0) + count for name, count in known.items()}
        stats = receiver.wait_stats(lambda s: refused(s) == expected or s["socket"]["kernel_drops"], 10, f"{expected} refused")
        self.assertEqual(stats["socket"]["kernel_drops"], before["socket"]["kernel_drops"], "datagrams were lost for want of time")
        self.assertEqual(refused(stats), expected)
        self.assertLess(harness.memory_kib(intake) - memory, 1280, "memory that a stranger can make grow")
        self.assertEqual(receiver.freshness()["state"], "live")
        count = stats["total"]["frames_complete"]
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] > count + 5, 10, "pictures after the flood")
        self.assertEqual(sender.stop(), 0)
        after = receiver.stats()["total"]
        for name in ("datagrams_lost", "frames_incomplete", "frames_late", "frames_bad"):
            self.assertEqual(after[name] - before["total"][name], 0, name)
        self.assertGreater(stats["total"]["frames_complete"] - before["total"]["frames_complete"], 0.9 * SECONDS * 20 / harness.stretch())
        print(f"    {sent['sent'] / sent['seconds']:.0f} datagrams a second for {sent['seconds']:.0f} s: "
              + ", ".join(f"{count - known[name]} {name}" for name, count in expected.items()), flush=True)


if __name__ == "__main__":
    harness.main()

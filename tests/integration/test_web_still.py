"""A page that does not change for a minute stays live, costs next to nothing, and is followed at once when it does change."""
import time

import harness
import webharness


class StillTest(webharness.Test):
    def test_a_minute_without_a_change(self):
        self.start({"cast": ("/mark?cast", {"interval": 0}), "shots": ("/mark?shots", {"interval": 2})})
        for name in self.names:
            self.wait_picture(name)
        self.wait_seconds(5)  # what is drawn at first
        before = {name: self.receiver.stats(name)["total"] for name in self.names}
        fresh = {name: self.receiver.freshness(name) for name in self.names}
        cpu, start = webharness.cpu_seconds([self.ddsend.pid, *harness.children(self.ddsend.pid)]), time.monotonic()

        def minute_over():
            for name in self.names:
                now = self.receiver.freshness(name)
                self.assertEqual((now["state"], now["source"], now["frame"]), ("live", "ok", fresh[name]["frame"]), name)
                self.assertLess(now["seconds"], 8, "its state is told all the time")
            return time.monotonic() - start >= 60
        harness.wait_until(minute_over, 61, "a minute")

        taken = time.monotonic() - start
        cpu = (webharness.cpu_seconds([self.ddsend.pid, *harness.children(self.ddsend.pid)]) - cpu) / taken
        print(f"CPU of ddsend and two browsers: {100 * cpu:.1f} % of a core")
        self.assertLess(cpu, 0.8)  # with sanitizers, and a page that asks its server five times a second
        for name in self.names:
            now = self.receiver.stats(name)["total"]
            self.assertEqual(now["frames_complete"] - before[name]["frames_complete"], 0, f"{name}: pictures though nothing changed")
            # a picture again every 10 s, and the state every second
            rate = 8 * (now["bytes_received"] - before[name]["bytes_received"]) / taken
            print(f"{name}: {rate / 1000:.1f} kbit/s")
            self.assertLess(rate, 40000, name)

        self.web.set(mark=5)
        changed = time.monotonic()
        for name in self.names:
            self.wait_cells(lambda c: c.mark == 5, 10, "the change", name)
            if name == "cast":
                self.assertLess(time.monotonic() - changed, 2, "seconds until a change is seen")


if __name__ == "__main__":
    harness.main()

"""A page that does not change stays live, is hardly sent, and is followed at once when it does change."""
import time

import harness
import webharness


LIVE_S = 3  # live_seconds of the streams


class StillTest(webharness.Test):
    def test_a_while_without_a_change(self):
        self.start({"cast": ("/mark?cast", {"interval": 0}), "shots": ("/mark?shots", {"interval": 2})}, {"live_seconds": LIVE_S})
        for name in self.names:
            self.wait_picture(name)
        self.wait_seconds(2)  # what is drawn at first
        before = {name: self.receiver.stats(name)["total"] for name in self.names}
        fresh = {name: self.receiver.freshness(name) for name in self.names}
        start = time.monotonic()

        def while_over():
            for name in self.names:
                now = self.receiver.freshness(name)
                self.assertEqual((now["state"], now["source"], now["frame"]), ("live", "ok", fresh[name]["frame"]), name)
                self.assertLess(now["seconds"], 8, "its state is told all the time")
            return time.monotonic() - start >= 3 * LIVE_S
        harness.wait_until(while_over, 3 * LIVE_S + 5, "a while")

        taken = time.monotonic() - start
        for name in self.names:
            now = self.receiver.stats(name)["total"]
            self.assertEqual(now["frames_complete"] - before[name]["frames_complete"], 0, f"{name}: pictures though nothing changed")
            # a picture again every 10 s, and the state every second
            rate = 8 * (now["bytes_received"] - before[name]["bytes_received"]) / taken
            print(f"{name}: {rate / 1000:.1f} kbit/s")
            self.assertLess(rate, 40000, name)

        self.web.set(mark=5)
        for name in self.names:
            self.wait_cells(lambda c: c.mark == 5, 10, "the change", name)


if __name__ == "__main__":
    harness.main()

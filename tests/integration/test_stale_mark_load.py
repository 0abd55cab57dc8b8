"""Marks of 4K pictures are made without end, and requests that have nothing to do with them are answered as before."""
import io
import socket
import statistics
import threading
import time

import PIL.Image

import harness

STREAMS, REQUESTS = 4, 60
OLD_US = 20 * 1000000  # stalled
REASONS = (1, 2, 3, 4)


def make_4k():
    """Soft noise, so that all blocks have something to decode."""
    out = io.BytesIO()
    PIL.Image.effect_noise((1024, 576), 60).resize((4096, 2304)).convert("RGB").save(out, "JPEG", quality=30)
    return out.getvalue()


class StaleMarkLoadTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.stopping, self.tags, self.threads = threading.Event(), set(), []

    def tearDown(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        super().tearDown()

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def change_reasons(self, forges):
        """What a mark says is out of date ten times a second."""
        i = 0
        while not self.stopping.wait(0.1):
            i += 1
            for forge in forges:
                forge.status(frame=7, source=3, reason=REASONS[i % len(REASONS)], age_ms=OLD_US // 1000)

    def take_snapshots(self, receiver, name):
        while not self.stopping.wait(0.05):
            answer = receiver.get(f"/{name}/snapshot.jpg", timeout=60)
            self.tags.add((name, answer.headers.get("ETag", str(answer.status))))

    def median(self, receiver):
        times = []
        for _ in range(REQUESTS):
            begin = time.monotonic()
            receiver.freshness("other")
            times.append(time.monotonic() - begin)
            time.sleep(0.02)
        return statistics.median(times)

    def test_freshness_of_another_stream_is_told_meanwhile(self):
        names = [f"cam{i}" for i in range(STREAMS)]
        keys = {name: (harness.free_port(socket.SOCK_DGRAM), harness.new_key()) for name in ["other"] + names}
        receiver = self.receiver_config({
            name: {"udp_host": "127.0.0.1", "udp_port": port, "key_file": self.key_file(name + ".key", key), "live_seconds": 2}
            for name, (port, key) in keys.items()})
        forges = [harness.Forge(self, *keys[name]) for name in names]
        picture = make_4k()
        for forge in forges:
            forge.status()
            forge.frame(picture, 7, harness.now_us() - OLD_US, symbol_bytes=-(-len(picture) // 100))
        for name in names:
            receiver.wait_freshness(lambda f: f["state"] == "stalled", 10, "stalled", name)
        idle = self.median(receiver)
        self.start(self.change_reasons, forges)
        for name in names:
            self.start(self.take_snapshots, receiver, name)
        harness.wait_until(lambda: len(self.tags) >= 2 * STREAMS, 60, "marks")
        loaded = self.median(receiver)
        self.stopping.set()
        idle = max(idle, self.median(receiver))  # whatever else this machine does
        print(f"/freshness: {1000 * idle:.1f} ms, {1000 * loaded:.1f} ms while marks are made; {len(picture)} bytes")
        self.assertLess(loaded, 10 * idle + 0.02)
        self.assertGreater(len(self.tags), 2 * STREAMS)
        self.assertEqual({tag for _, tag in self.tags if "-stalled-" not in tag}, set())


if __name__ == "__main__":
    harness.main()

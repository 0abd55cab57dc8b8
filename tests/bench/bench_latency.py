"""From capture to a viewer, all on this machine."""
import socket
import statistics
import time
from datetime import datetime

import bench
import harness


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class LatencyBench(bench.Bench):
    def measure(self, size, encode_ms):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key, "--buffer-size", "1000")
        sender = self.sender("--mode", "test", "--capture-resolution", size, "--interval", "0.04", "--rate-limit", "1G",
                             "--jpeg-subsampling", "420", "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file", key, "--quiet")
        receiver.wait_live()
        medians, tails = [], []
        for _ in range(bench.RUNS):
            arrived = {}
            with harness.Mjpeg(receiver.http_port) as viewer:
                for headers, _ in viewer:
                    arrived.setdefault(int(headers["x-frame"]), time.time())
                    if len(arrived) > 150:
                        break
            captured = {f["frame"]: datetime.fromisoformat(f["captured_at"].replace("Z", "+00:00")).timestamp()
                        for f in receiver.frames()}
            # captured_at is cut to ms: half of one, at the mean. The first is what the viewer missed before it came.
            late = [(at - captured[n]) * 1000 - 0.5 - encode_ms for n, at in list(arrived.items())[1:] if n in captured]
            medians.append(statistics.median(late))
            tails.append(percentile(late, 0.99))
        sender.stop()
        receiver.stop()
        median = bench.report(f"{size}: median", medians, "ms", "<= 5")
        tail = bench.report(f"{size}: 99th percentile", tails, "ms", "<= 15")
        self.assertLessEqual(median, 5)
        self.assertLessEqual(tail, 15)

    def encode_ms(self, size):
        """CPU of the drawing and the encoding of one picture, which are not part of the way."""
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        sender = self.sender("--mode", "test", "--capture-resolution", size, "--interval", "0.04", "--jpeg-subsampling", "420",
                             "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file", key, "--quiet")
        roles = sender.wait_roles("transmit", "capture stream")
        bench.pause(1)

        def spent():
            encoder = sum(s for name, s in bench.thread_times(roles["transmit"]).values() if name == "encoder")
            return encoder + sum(s for _, s in bench.thread_times(roles["capture stream"]).values())
        before = spent()
        bench.pause(4)
        ms = (spent() - before) * 1000 / (4 * 25)
        sender.stop()
        return ms

    def test_latency(self):
        """From leaving the encoder to a viewer, test card at 25 fps, rate_limit 1G"""
        for size in ("1280x720", "1920x1080"):
            encode_ms = self.encode_ms(size)
            bench.report(f"{size}: drawing and encoding, taken off", [encode_ms], "ms")
            self.measure(size, encode_ms)


if __name__ == "__main__":
    harness.main()

"""How soon a role that was killed works again, and how long a stop takes."""
import os
import signal
import socket
import time

import bench
import harness


class LifecycleBench(bench.Bench):
    def measure(self):
        """Seconds of each step with new daemons, whose roles start again after the shortest pause, and the test card."""
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        sender = self.card(port, key)
        receiver.wait_live()
        taken = {}

        def step(name, process, number, done):
            begin = time.monotonic()
            os.kill(process, number)
            done()
            taken[name] = time.monotonic() - begin

        def has_new_pictures():
            sender.wait_role_replaced("capture stream", capture, 10)
            frame = receiver.freshness()["frame"]
            receiver.wait_freshness(lambda f: f["source"] == "ok" and f["frame"] > frame + 5, 10, "new pictures")

        def answers():
            receiver.wait_role_replaced("serve", serve, 10)
            harness.wait_until(lambda: self.is_healthy(receiver), 10, "an answer")

        capture, serve = sender.roles()["capture stream"], receiver.roles()["serve"]
        step("capture killed: new pictures", capture, signal.SIGKILL, has_new_pictures)
        step("serve killed: an answer", serve, signal.SIGKILL, answers)
        for daemon in (sender, receiver):
            step(f"{daemon.name} stops", daemon.pid, signal.SIGTERM, daemon.wait)
        return taken

    @staticmethod
    def is_healthy(receiver):
        try:
            return receiver.get("/healthz").status == 200
        except OSError:
            return False

    def test_lifecycle(self):
        """Daemons with a live stream: restarts and stops"""
        runs = [self.measure() for _ in range(bench.RUNS)]
        for name in runs[0]:
            limit = 2 if name.endswith("stops") else 4
            median = bench.report(name, [taken[name] for taken in runs], "s", f"<= {limit}")
            self.assertLessEqual(median, limit)


if __name__ == "__main__":
    harness.main()

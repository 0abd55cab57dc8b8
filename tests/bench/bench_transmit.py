"""What transmit costs beside its encoders."""
import socket

import bench
import harness


class TransmitBench(bench.Bench):
    def test_share(self):
        """Test card, 1920x1080 at 25 fps: the threads of transmit"""
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key)
        sender = self.card(port, key, "--capture-resolution", "1920x1080", "--interval", "0", "--jpeg-subsampling", "420", "--quiet")
        receiver.wait_live()
        bench.pause(1)
        pid, shares, encoders, others = sender.roles()["transmit"], [], [], []
        for _ in range(bench.RUNS):
            before = bench.thread_times(pid)
            bench.pause(bench.SECONDS)
            encoder = other = 0
            for tid, (name, seconds) in bench.thread_times(pid).items():
                spent = seconds - before.get(tid, ("", 0))[1]
                encoder, other = (encoder + spent, other) if name == "encoder" else (encoder, other + spent)
            encoders.append(encoder / bench.SECONDS)
            others.append(other / bench.SECONDS)
            shares.append(other / encoder)
        bench.report("encoder threads", encoders, "of a core")
        bench.report("the rest: rings, fragments, sealing, pacing, sending", others, "of a core")
        self.assertLessEqual(bench.report("rest / encoders", shares, "", "<= 0.25"), 0.25)


if __name__ == "__main__":
    harness.main()

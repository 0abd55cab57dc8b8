"""Viewers that never read, each asking for a picture of the largest size: what serve takes, with its sockets in the kernel, is held
against what --check-config says. The newest picture still gets to everybody else."""
import os
import re
import socket
import subprocess

import harness
import network

# AddressSanitizer would keep what was freed
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
SANITIZED = os.path.basename(harness.BUILD) == "asan"

FRAME = 2 << 20  # bytes
FRAMES = 40
MAX_VIEWERS = 60
MIB = 1 << 20
PROCESS = 16 * MIB  # of every process, see docs/configuration.md


class ViewerMemoryTest(harness.Test):
    def start(self):
        network.enter()  # where only this test has sockets
        port, key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        stream = {"udp_host": "127.0.0.1", "udp_port": port, "key_file": self.key_file("cam.key", key), "max_frame_bytes": FRAME,
                  "buffer_bytes": 2 * FRAMES * FRAME, "stale_mark": False}
        self.ddrecv = self.receiver_config({"cam": stream}, {"max_viewers": MAX_VIEWERS, "http_port": harness.free_port()})
        self.forge, self.head, self.newest = harness.Forge(self, port, key), harness.make_jpeg()[:-2], 0
        self.connections = []

    def send(self):
        """Sends a picture, and waits until others than the viewers get it."""
        self.newest += 1
        self.forge.large_frame(self.newest, FRAME, self.head)
        harness.wait_until(lambda: self.ddrecv.get("/cam/snapshot.jpg", method="HEAD").headers["ETag"] == f'"{self.newest}"', 10,
                           f"frame {self.newest}")

    def bound(self):
        """What --check-config says of serve: (of the process, of its sockets), in bytes."""
        code, out, log = self.run_program("ddrecv", "--config", self.path("ddrecv.json"), "--check-config")
        self.assertEqual(code, 0, log)
        rows = [(role, what, float(size) * MIB) for role, what, size in
                re.findall(r"^ *(\S.*?)  +(\S.*?)  +([\d.]+) MiB$", out, re.M)]
        return sum(size for role, _, size in rows if role == "serve"), \
            sum(size for role, what, size in rows if role == "kernel" and "HTTP" in what)

    def ask(self, path):
        """Opens a connection that asks for path and never reads."""
        connection = socket.socket()
        self.connections.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.ddrecv.http_port))
        connection.sendall(f"GET /cam/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def process_memory(self):
        with open(f"/proc/{self.ddrecv.roles()['serve']}/status") as f:
            return int(re.search(r"^RssAnon:\s+(\d+) kB", f.read(), re.M)[1]) * 1024

    def socket_memory(self):
        """Of ddrecv's ends of all connections."""
        listed = subprocess.run(["ss", "-tnmH", f"( sport = :{self.ddrecv.http_port} )"], capture_output=True, text=True, check=True)
        return sum(sum(map(int, found)) for found in re.findall(r"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+)", listed.stdout))

    def test_viewers_that_never_read(self):
        self.start()
        for _ in range(FRAMES):
            self.send()
        numbers = [frame["frame"] for frame in self.ddrecv.json("/cam/frames")["frames"]]
        self.assertEqual(len(numbers), FRAMES)
        process, sockets = self.bound()
        idle = self.process_memory()
        for i in range(MAX_VIEWERS):
            self.ask("stream")
            self.ask("snapshot.jpg")
            for k in range(3):
                self.ask(f"frames/{numbers[(3 * i + k) % FRAMES]}.jpg")
            if i % 2 == 0:
                self.send()
        answers = [self.ddrecv.get(f"/cam/frames/{number}.jpg") for number in numbers]
        refusals = {(a.headers["Retry-After"], a.headers["X-Refusal"]) for a in answers if a.status == 503}
        self.assertEqual(refusals, {("2", "too many slow viewers")})
        for _ in range(FRAMES):
            self.send()
        taken, queued = self.process_memory(), self.socket_memory()
        print(f"serve takes {taken / MIB:.0f} MiB, {idle / MIB:.0f} before, of {process / MIB:.0f}; its sockets {queued / MIB:.1f} of "
              f"{sockets / MIB:.1f}", flush=True)
        self.assertGreater(taken - idle, process / 4, "the viewers hold pictures")
        self.assertLess(taken, (process + PROCESS) * (1.2 if SANITIZED else 1) + (idle if SANITIZED else 0))
        self.assertLess(queued, sockets)
        self.ddrecv.wait_log(r"cut off the viewer of cam at 127\.0\.0\.1: it was slow, and the memory of its picture is needed")
        for connection in self.connections:
            connection.close()
        harness.wait_until(lambda: self.ddrecv.get(f"/cam/frames/{self.newest - 3}.jpg").status == 200, 10, "room for others")


if __name__ == "__main__":
    harness.main()

"""Networks of a test's own: namespaces (network_namespaces(7)) with a line between them. Needs root."""
import ctypes
import os
import subprocess
import threading

import harness

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _unshare():
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def run(*arguments):
    subprocess.run(list(map(str, arguments)), check=True, stdin=subprocess.DEVNULL)


def enter():
    """Puts this process, which has one thread, and what it starts from now on into a new network with nothing but loopback."""
    harness.require_root()
    for name in ("ip", "tc"):
        harness.require_program(name)
    _unshare()
    run("ip", "link", "set", "lo", "up")


def sysctl_file(path):
    """Sets in this network what a file for sysctl.d sets."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, value = line.partition("=")
                with open("/proc/sys/" + name.strip().replace(".", "/"), "w") as knob:
                    knob.write(value.strip())


class Line:
    """Another network at the end of a line. In it is the address self.far, and self.near is this end's."""
    count = 0

    def __init__(self):
        Line.count += 1
        self.name, self.near, self.far = f"line{Line.count}", f"10.77.{Line.count}.1", f"10.77.{Line.count}.2"
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.ready, self.wanted, self.done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
        self.job = self.result = None
        self.thread.start()
        self.ready.wait()
        there = f"/proc/{os.getpid()}/task/{self.id}/ns/net"
        run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "far", "netns", there)
        run("ip", "address", "add", f"{self.near}/24", "dev", self.name)
        run("ip", "link", "set", self.name, "up")
        self.call(lambda: (run("ip", "address", "add", f"{self.far}/24", "dev", "far"), run("ip", "link", "set", "far", "up")))

    def _live(self):
        """A thread may be in another network than the rest of its process; sockets stay in the one where they were made."""
        _unshare()
        self.id = threading.get_native_id()
        self.ready.set()
        while self.wanted.acquire():
            self.result = self.job()
            self.done.release()

    def call(self, job):
        """Calls job in the network at the far end; its result."""
        self.job = job
        self.wanted.release()
        self.done.acquire()
        return self.result

    def limit(self, rate, burst, latency):
        """Limits what goes to the far end, as tc-tbf(8) says."""
        run("tc", "qdisc", "add", "dev", self.name, "root", "tbf", "rate", rate, "burst", burst, "latency", latency)

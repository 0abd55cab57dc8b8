"""The one-way promise on a network of the test's own: what comes back from the other side changes nothing."""
import os
import socket
import struct
import subprocess
import time

import harness

SENDER, RECEIVER, SOURCE_PORT = "10.77.0.1", "10.77.0.2", 40000


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def icmp(kind, code, rest, port):
    """An ICMP error about a datagram of ddsend's, as a router would send it."""
    inner = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1428, 1, 0x4000, 64, 17, 0, socket.inet_aton(SENDER),
                                  socket.inet_aton(RECEIVER)))
    inner[10:12] = struct.pack("!H", checksum(bytes(inner)))
    inner += struct.pack("!HHHH", SOURCE_PORT, port, 1408, 0)
    message = bytearray(struct.pack("!BBHI", kind, code, 0, rest) + inner)
    message[2:4] = struct.pack("!H", checksum(bytes(message)))
    return bytes(message)


class OneWayTest(harness.Test):
    """Two network namespaces and a cable between them."""

    def setUp(self):
        super().setUp()
        harness.require_root()
        harness.require_program("ip")
        self.inside, self.outside = f"dd-in-{os.getpid()}", f"dd-out-{os.getpid()}"
        for name in (self.inside, self.outside):
            self.ip("netns", "add", name)
            self.addCleanup(self.ip, "netns", "del", name)
        self.ip("link", "add", "veth0", "netns", self.inside, "type", "veth", "peer", "name", "veth0", "netns", self.outside)
        for name, address in ((self.inside, SENDER), (self.outside, RECEIVER)):
            self.ip("-n", name, "address", "add", address + "/24", "dev", "veth0")
            self.ip("-n", name, "link", "set", "veth0", "up")
            self.ip("-n", name, "link", "set", "lo", "up")

    def ip(self, *arguments):
        return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout

    def within(self, name, *arguments, process=harness.Daemon, title=None):
        return process(self, ["ip", "netns", "exec", name, *arguments], name=title)

    def send_icmp(self, message):
        code = ("import socket, sys\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)\n"
                f"s.sendto(bytes.fromhex(sys.argv[1]), ('{SENDER}', 0))\n")
        subprocess.run(["ip", "netns", "exec", self.outside, harness.PYTHON, "-c", code, message.hex()], check=True)

    def path_mtu(self):
        return self.ip("-n", self.inside, "route", "get", RECEIVER)

    def arguments(self, *more):
        return (harness.program("ddsend"), "--mode", "test", "--capture-resolution", "640x360", "--interval", "0.1", "--cloud-ip",
                RECEIVER, "--cloud-port", "5005", "--key-file", self.key, "--state-dir", self.path("state"), "--source-port",
                str(SOURCE_PORT), *more)

    def test_nothing_that_comes_back_changes_anything(self):
        self.key = self.key_file()
        # a bare receiver: it hears every datagram, and its machine answers with whatever ICMP there is
        listener = self.within(self.outside, harness.PYTHON, "-u", "-c",
                               "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                               f"s.bind(('{RECEIVER}', 5005))\nprint('ready')\n"
                               "while True:\n    d, a = s.recvfrom(65536)\n    print(len(d), a[1])\n",
                               process=harness.Process, title="listener")
        listener.wait_out("ready")
        sender = self.within(self.inside, *self.arguments(), title="ddsend")
        listener.wait_out(rf"^1[34]\d\d {SOURCE_PORT}$", 20)
        self.send_icmp(icmp(3, 4, 600, 5005))  # fragmentation needed, path MTU 600
        self.assertNotIn("mtu", self.path_mtu(), "not even the kernel's cache of paths hears of it")
        self.send_icmp(icmp(3, 3, 0, 5005))  # port unreachable
        self.send_icmp(icmp(3, 13, 0, 5005))  # administratively prohibited
        heard = len(listener.out())
        harness.wait_until(lambda: listener.out()[heard:].count("\n13") + listener.out()[heard:].count("\n14") > 50, 15,
                           "large datagrams after the ICMP")
        self.assertNotRegex(sender.log(), "(?i)error|not sent")
        listener.stop()  # from here on the receiver's machine answers each datagram with port unreachable
        time_end = time.monotonic() + 1
        harness.wait_until(lambda: time.monotonic() > time_end, 3, "a second of refusals")
        self.assertTrue(sender.running())
        self.assertNotRegex(sender.log(), "(?i)error|not sent")

    def test_what_icmp_says_does_not_count_at_start(self):
        self.key = self.key_file()
        check = ["ip", "netns", "exec", self.inside, *self.arguments("--check-config")]
        self.assertEqual(subprocess.run(check, capture_output=True).returncode, 0)
        subprocess.run(["ip", "netns", "exec", self.inside, harness.PYTHON, "-c",
                        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                        f"s.bind(('{SENDER}', {SOURCE_PORT}))\ns.sendto(b'x', ('{RECEIVER}', 5005))\n"
                        f"import time, subprocess\nsubprocess.run(['ip', 'netns', 'exec', '{self.outside}', '{harness.PYTHON}', '-c', "
                        f"\"import socket; socket.socket(2, 3, 1).sendto(bytes.fromhex('{icmp(3, 4, 600, 5005).hex()}'), ('{SENDER}', 0))\"])\n"],
                       check=True)
        self.assertIn("mtu 600", self.path_mtu(), "the kernel itself believes it")
        done = subprocess.run(check, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        # the interface's own MTU counts
        self.ip("-n", self.inside, "link", "set", "veth0", "mtu", "1000")
        done = subprocess.run(check, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "MTU of 1000")


if __name__ == "__main__":
    harness.main()

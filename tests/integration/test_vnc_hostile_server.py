"""Hostile VNC servers: what they do stays within their own role, and the viewer is told."""
import re
import socket
import struct
import sys
import time

import vnc_servers
import harness

sys.path.insert(0, harness.SUPPORT)
import fake_vnc  # noqa: E402

SECRET = "vnc-5ecr"

# behaviour: (reasons that the receiver may be told, words in the log of ddsend). None: at times none, since a picture comes first
TROUBLE = {
    "rubbish": ({"cannot be read"}, "is not VNC"),
    "silent": ({"no picture in time"}, "no answer within"),
    "old version": ({"cannot be read"}, "is not VNC"),
    "cuts": ({"connection closed by the source"}, "closed the connection while it was set up"),
    "silent after init": ({"no picture in time"}, "no whole picture within 2 s"),
    "stalls": ({"no picture in time"}, "no whole picture within 2 s"),
    "stalls later": ({"no picture in time", None}, "lost: .*no answer from the VNC server within 2 s"),
    "absurd size": ({"picture cannot be sent"}, "desktop of 65535x65535 cannot be watched"),
    "no size": ({"picture cannot be sent"}, "desktop of 0x0 cannot be watched"),
    "new size": ({"picture cannot be sent", None}, "desktop of 65535x65535 cannot be watched"),
    "new size none": ({"picture cannot be sent", None}, "desktop of 0x0 cannot be watched"),
    "extended size": ({"picture cannot be sent", None}, "desktop of 65535x65535 cannot be watched"),
    "zrle": ({"cannot be read", None}, "what the VNC server sends cannot be read"),
    "unknown encoding": ({"cannot be read", None}, "what the VNC server sends cannot be read"),
    "outside": ({"cannot be read", None}, "what the VNC server sends cannot be read"),
    "tiny updates": ({"no picture in time", None}, "no answer from the VNC server within 2 s"),
    "huge name": ({"cannot be read"}, "is not VNC"),
    "huge reason": ({"cannot be read"}, "is not VNC"),
    "reason": ({"connection closed by the source"}, "refuses the connection"),
    "huge clipboard": ({"cannot be read", None}, "what the VNC server sends cannot be read"),
    "plain in clear": ({"picture cannot be sent"}, r"no way to log in that is known here \(security types 256\)"),
}
# encodings whose decoders had memory errors: a crash costs their own role, nothing else
CRASHERS = ("tight", "ultra", "ultra zip")
FINE = ("good", "noise", "resizes")


class HostileTest(harness.Test):
    def start(self, behaviours, **options):
        senders, receivers, self.servers = {}, {}, {}
        port = harness.free_port(socket.SOCK_DGRAM)
        for behaviour in behaviours:
            name = behaviour.replace(" ", "-")
            server = self.servers[name] = fake_vnc.FakeVnc(behaviour)
            self.addCleanup(server.stop)
            key = self.key_file(name + ".key")
            senders[name] = {"mode": "vnc", "source": f"127.0.0.1::{server.port}", "timeout": 2, "interval": 0.1, "username": "viewer",
                             "password_file": self.write("secret", SECRET), "cloud_ip": "127.0.0.1", "cloud_port": port,
                             "key_file": key, "jpeg_quality": 95, **options}
            receivers[name] = {"udp_host": "127.0.0.1", "udp_port": port, "key_file": key, "live_seconds": 1}
        self.receiver = self.receiver_config(receivers)
        self.sender = self.sender_config(senders)

    def names(self, behaviours):
        return [b.replace(" ", "-") for b in behaviours]

    def check_fine(self):
        for name in self.names(FINE):
            self.receiver.wait_live(name)

    def wait_live_again(self, behaviours):
        """Waits until each was live with a picture of a connection that was not its first: it is younger than that connection."""
        missing = set(self.names(behaviours))

        def check():
            streams = self.receiver.json("/freshness")["streams"]
            for name in list(missing):
                connected_at = self.servers[name].connected_at
                if (len(connected_at) >= 2 and streams[name]["state"] == "live"
                        and streams[name]["seconds"] < time.monotonic() - connected_at[-1]):
                    missing.remove(name)
            return not missing
        harness.wait_until(check, 60, lambda: f"live pictures of another connection of {missing}")

    def check_trouble(self, behaviours, live_again=False):
        self.start((*behaviours, *FINE))
        self.check_fine()
        if live_again:
            self.wait_live_again(behaviours)
        roles = self.sender.roles()
        for behaviour in behaviours:
            name, (reasons, words) = behaviour.replace(" ", "-"), TROUBLE[behaviour]
            with self.subTest(behaviour):
                fresh = self.receiver.wait_freshness(lambda f: f["source"] in ("failed", "connecting") and f["reason"] in
                                                     reasons | {None}, 10, f"{reasons}", name)
                self.assertNotEqual(fresh["source"], "ok")
                self.sender.wait_log(f"capture {name}: warning: .*{words}")
        self.check_fine()
        self.assertEqual(self.sender.roles(), roles, "no role had to be started again")
        log = self.sender.log()
        self.assertNotIn(SECRET, log)
        self.assertNotIn("forged", log)
        self.assertEqual(self.sender.stop(), 0)

    def test_before_the_picture(self):
        self.check_trouble([b for b in TROUBLE if None not in TROUBLE[b][0]])

    def test_after_a_picture(self):
        """Each connection gives a picture before the trouble. ddsend connects again, and the stream is live with the next one's."""
        self.check_trouble([b for b in TROUBLE if None in TROUBLE[b][0]], live_again=True)

    def test_half_a_picture_is_not_shown(self):
        self.start(("stalls later",))
        self.receiver.wait_live("stalls-later")
        self.sender.wait_log("lost: ")
        pixels = vnc_servers.Pixels(self.receiver.get("/stalls-later/snapshot.jpg?raw=1").body)
        for y in (0, 119):
            self.assertLessEqual(max(abs(a - b) for a, b in zip(pixels.at(5, y), (0xc0, 0x80, 0x40))), 3)

    def test_decoders_that_nobody_asked_for(self):
        self.start((*CRASHERS, *FINE))
        self.check_fine()
        others = {n: p for n, p in self.sender.roles().items() if n.split()[-1] not in self.names(CRASHERS)}
        for name in self.names(CRASHERS):
            with self.subTest(name):
                self.receiver.wait_freshness(lambda f: f["source"] in ("failed", "connecting"), 10, "trouble", name)
                harness.wait_until(lambda: len(self.servers[name].connected_at) >= 2, 20, "another attempt")
        self.check_fine()
        now = self.sender.roles()
        self.assertEqual({n: now.get(n) for n in others}, others, "the other roles go on")
        self.assertEqual(self.sender.stop(), 0)

    def test_the_password_stays_here(self):
        """It is not sent where it would go in clear."""
        self.start(("plain in clear",))
        self.sender.wait_log("no way to log in")
        self.assertEqual(self.servers["plain-in-clear"].said, b"")

    def test_what_is_asked_for(self):
        """On the wire: requests for updates only, and no encoding but the four."""
        self.start(("good",))
        self.receiver.wait_live("good")
        requests = self.servers["good"].requests
        harness.wait_until(lambda: len(requests) > 8, 10, "probes")
        self.assertEqual({kind for kind, _ in requests}, {0, 2, 3}, "no key, no pointer, no clipboard")
        self.assertEqual([rest for kind, rest in requests if kind == 0],
                         [struct.pack(">xxxBBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)])
        encodings = [rest for kind, rest in requests if kind == 2]
        self.assertEqual(len(encodings), 1)
        asked = set(struct.unpack(f">{(len(encodings[0]) - 3) // 4}i", encodings[0][3:]))
        self.assertEqual(asked - {-223}, {0, 1, 5, 16})
        # on an idle desktop: a probe a second, and no other request that is not incremental
        probes = [rest for kind, rest in requests[4:] if kind == 3 and rest[0] == 0]
        self.assertTrue(probes and all(rest[5:] == struct.pack(">HH", 1, 1) for rest in probes), probes)
        self.assertTrue(all(a != b for a, b in zip(probes, probes[1:])), "each asks for another pixel")
        self.assertNotRegex(self.sender.log(), re.escape("warning: lost"))


if __name__ == "__main__":
    harness.main()

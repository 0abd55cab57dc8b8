"""A sender that is there and yet not seen: each cause is made for real, and each is said as what it is."""
import re
import socket
import subprocess
import threading
import time

import harness

DAY_S = 86400
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
KNOWN_S = 8  # silence takes 5 s, and what is known is told within 3 s
EXPECTED = {
    "nothing": "sender silent: nothing arrives at its port",
    "alone": "sender silent: only other streams arrive",
    "key": "datagrams arrive under another key",
    "moved": "datagrams arrive at another port",
    "old": "sessions refused as old",
    "older": "sessions refused as old",
    "ahead": "sessions refused as ahead of time",
    "replayed": "datagrams refused as replayed",
    "replaced": "datagrams arrive under a replaced key",
    "forged": "datagrams refused as forged or damaged",
    "foreign": "other traffic arrives at its port",
    "camera": "source unreachable",
    "healthy": None,
}


class Feed(threading.Thread):
    """Sends the same datagrams to their ports again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams, self.ended = [], threading.Event()

    def run(self):
        while not self.ended.wait(0.2):
            for port, datagram in list(self.datagrams):
                self.socket.sendto(datagram, ("127.0.0.1", port))

    def stop(self):
        self.ended.set()
        self.join()
        self.socket.close()


class CausesTest(harness.Test):
    """One ddrecv with a stream for each cause, all at once."""

    def setUp(self):
        super().setUp()
        self.keys = {name: harness.new_key() for name in EXPECTED}
        self.ports = {name: harness.free_port(socket.SOCK_DGRAM) for name in EXPECTED}
        self.ports["alone"] = self.ports["healthy"]
        self.feed = Feed()
        self.addCleanup(self.feed.stop)
        self.tap = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.tap.close)
        self.tap.bind(("127.0.0.1", 0))
        self.tap.settimeout(10)
        self.other_host = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.other_host.close)
        self.other_host.bind(("127.0.0.2", 0))

    def record(self, key, ahead=0, frame=None):
        """What a sender with this key would send, in a new session that begins that many seconds from now: a STATUS, after a frame
        if that is its number."""
        forge = harness.Forge(self, self.tap.getsockname()[1], key)
        if ahead:
            forge.session(ahead)
        if frame:
            forge.frame(harness.make_jpeg(), frame)
        forge.status(frame or 0)
        datagrams = [self.tap.recv(65536) for _ in range(forge.sent)]
        self.assertEqual(forge.stop(), 0)
        return datagrams

    def give(self, name, datagrams, sender=None):
        for datagram in datagrams:
            (sender or self.tap).sendto(datagram, ("127.0.0.1", self.ports[name]))

    def receive(self):
        streams = {name: {"udp_host": "127.0.0.1", "udp_port": self.ports[name], "key": self.keys[name],
                          "live_seconds": 3600, "stale_seconds": 7200} for name in EXPECTED}
        self.second_key = harness.new_key()
        del streams["replaced"]["key"]
        streams["replaced"]["keys"] = [self.keys["replaced"], self.second_key]
        return self.receiver_config(streams)

    def send(self):
        """A ddsend with the streams that a wrong configuration explains."""
        def card(name, port=None, key=None):
            return {"mode": "test", "capture_resolution": "320x240", "interval": 0.2, "key": key or self.keys[name],
                    "cloud_ip": f"127.0.0.1:{port or self.ports[name]},127.0.0.1:{self.tap.getsockname()[1]}", "cloud_port": 9}
        return self.sender_config({
            "healthy": card("healthy"), "key": card("key", key=harness.new_key()), "moved": card("moved", self.ports["healthy"]),
            "old": card("old"), "older": card("older"),
            "camera": {**card("camera"), "mode": "rtsp", "source": f"rtsp://127.0.0.1:{harness.free_port()}/", "timeout": 2}})

    def begin(self):
        """Makes all causes. Returns the receiver."""
        receiver = self.receive()
        for name in ("old", "older"):  # another host's ddsend, whose clock is ahead
            self.give(name, self.record(self.keys[name], 3600, 7), self.other_host)
        replayed = self.record(self.keys["replayed"], frame=7)
        self.give("replayed", replayed)
        self.give("replaced", self.record(self.second_key))
        for name in ("old", "older", "replayed"):
            receiver.wait_freshness(lambda f: f["state"] == "live", 10, "a live picture", name)
        ahead, forged = self.record(self.keys["ahead"], 2 * DAY_S), self.record(self.keys["forged"])
        forged = [datagram[:-1] + bytes([datagram[-1] ^ 1]) for datagram in forged]
        for name, datagrams in (("replayed", replayed), ("ahead", ahead), ("forged", forged),
                                ("replaced", self.record(self.keys["replaced"])), ("foreign", [b"hello", b"\x02" * 100])):
            self.feed.datagrams += [(self.ports[name], datagram) for datagram in datagrams]
        self.feed.start()
        self.send()
        return receiver

    def test_each_cause_is_told_as_what_it_is(self):
        receiver = self.begin()
        begin, seen = time.monotonic(), {}

        def told():
            seen.update({name: f["reason"] for name, f in receiver.json("/freshness")["streams"].items()})
            return seen == EXPECTED
        harness.wait_until(told, KNOWN_S + 2, lambda: {name: (seen[name], EXPECTED[name]) for name in seen if seen[name] != EXPECTED[name]})
        self.assert_delay(time.monotonic() - begin, 0, KNOWN_S + 2)
        streams = receiver.json("/freshness")["streams"]
        for name in ("old", "older", "replayed", "healthy"):  # pictures are young enough yet
            self.assertEqual((streams[name]["state"], streams[name]["status"]), ("live", "green"), name)
        codes = {name: receiver.get(f"/{name}/freshness?fail=trouble").status for name in EXPECTED if name != "healthy"}
        self.assertEqual(codes, dict.fromkeys(codes, 503))
        self.wait_healthy_stream(receiver)
        self.assertEqual(receiver.get("/freshness?fail=trouble").status, 503)
        self.check_log(receiver)
        self.check_replays_beside_a_healthy_sender(receiver)
        self.check_way_out(receiver)

    def check_log(self, receiver):
        """Each line says where, from whom, and under which key."""
        at = {name: f"UDP 127\\.0\\.0\\.1:{port}" for name, port in self.ports.items()}
        peer, other = r"127\.0\.0\.1:\d+", re.escape("127.0.0.2:%d" % self.other_host.getsockname()[1])
        for name in ("healthy", "replaced"):
            receiver.wait_log(rf"{name}: listens at {at[name]}, key id [0-9a-f]{{8}}$")
        for pattern in (
                rf"refused a datagram from {peer} at {at['key']}: no stream of this ddrecv has key id [0-9a-f]{{8}}; compare key and",
                rf"moved: refused a datagram from {peer} at {at['healthy']}, key id [0-9a-f]{{8}}: this stream listens at {at['moved']}; "
                "set cloud_port",
                rf"replaced: refused a datagram from {peer} at {at['replaced']}, key id [0-9a-f]{{8}}: another key has replaced",
                rf"forged: refused a datagram from {peer} at {at['forged']}, key id [0-9a-f]{{8}}: forged",
                rf"refused a datagram from {peer} at {at['foreign']}: too short",
                rf"refused session \d+:\w+ from {peer} at {at['old']}, which has the key and began {ISO}: the newest one began {ISO}, "
                rf"from {other}\.",
                rf"old: session \d+:\w+ from {other}, begun {ISO}", "stream old is live, but in trouble: sessions refused as old",
                "stream replaced is stale: datagrams arrive under a replaced key"):
            receiver.wait_log(pattern, 5)
        self.assertNotRegex(receiver.log(), rf"at {at['healthy']}: no stream")

    def check_replays_beside_a_healthy_sender(self, receiver):
        """Whoever records and repeats what is sent makes nothing look troubled."""
        recorded = []
        while len(recorded) < 300:
            recorded.append(self.tap.recv(65536))
        port = ("127.0.0.1", self.ports["healthy"])
        refused = receiver.stats("healthy")["total"]["refused"]["replay"]
        for _ in range(6):
            for datagram in recorded:
                self.tap.sendto(datagram, port)
            self.assertNotRegex(str(receiver.freshness("healthy")["reason"]), "refused|arrive")
        receiver.wait_stats(lambda s: s["total"]["refused"]["replay"] > refused, 10, "refused replays", "healthy")
        self.wait_healthy_stream(receiver)

    def wait_healthy_stream(self, receiver):
        """On a busy machine its sender may be late for a moment."""
        harness.wait_until(lambda: receiver.get("/healthy/freshness?fail=trouble").status == 200, 5, "a stream without trouble")

    def check_way_out(self, receiver):
        """The command in the log works as it is, for all streams at once."""
        streams = {"old", "older", "ahead"}  # a later line has those of the ones before, too

        def all_of_them():
            commands = re.findall(r"admit \w+ with: (ddrecv .*)$", receiver.log(), re.M)
            return next((c for c in commands if set(re.findall(r"(\w+)=\d+:", c)) == streams), None)
        command = harness.wait_until(all_of_them, 10, "one command for all")
        self.assertIn(f" --config {self.path('ddrecv.json')} ", command)
        done = subprocess.run(["sh", "-c", command.replace("ddrecv", harness.program("ddrecv"), 1)], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        for name in ("old", "older"):
            receiver.wait_freshness(lambda f: f["state"] == "live" and f["reason"] is None, 10, "the sender is let in", name)
            receiver.wait_log(rf"{name}: session \d+:\w+ from 127\.0\.0\.1:\d+, begun {ISO}, in place of the one from 127\.0\.0\.2:\d+$")


if __name__ == "__main__":
    harness.main()

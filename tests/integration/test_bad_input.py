"""Wrong input of every kind ends in a clear message or a counter, never in a crash, a hang or a leak."""
import base64
import json
import os
import random
import socket
import struct

import harness


UDP_SEGMENT = 103


class RefusedTest(harness.Test):
    """A daemon that cannot start says what is wrong, where, and ends with an error."""

    def setUp(self):
        super().setUp()
        self.key = self.key_file()
        self.state = ["--state-dir", self.path("state")]

    def send(self, **options):
        return self.arguments({"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": 5005, "key_file": self.key}, options)

    def receive(self, **options):
        return self.arguments({"udp_host": "127.0.0.1", "udp_port": harness.free_port(socket.SOCK_DGRAM), "http_port":
                               harness.free_port(), "key_file": self.key}, options)

    def arguments(self, base, options):
        """As flags; an option that is None is left out."""
        options = {**base, **options}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        return [*flags, *self.state]

    def both(self, names, **options):
        self.refused("ddsend", *self.send(**options), names=names)
        self.refused("ddrecv", *self.receive(**options), names=names)

    def test_a_key_file_that_is_not_there(self):
        missing = self.path("missing.key")
        self.both([missing, "(?i)no such file"], key_file=missing)

    def test_a_key_file_that_is_a_folder(self):
        self.both([self.folder], key_file=self.folder)

    def test_a_key_file_that_everyone_can_read(self):
        path = self.write("open.key", harness.new_key(), mode=0o644)
        self.both([path, "chmod|mode|read"], key_file=path)

    def test_a_key_of_31_bytes(self):
        short = base64.b64encode(os.urandom(31)).decode()
        self.both(["--key", "32 bytes"], key=short, key_file=None)
        path = self.key_file("short.key", short)
        self.both([path, "32 bytes"], key_file=path)

    def test_keys_that_are_no_keys(self):
        for wrong in ("", "x", base64.b64encode(os.urandom(33)).decode(), "$" * 44, harness.new_key() + "AAAA",
                      harness.new_key()[:20] + " " + harness.new_key()[:23]):
            with self.subTest(wrong):
                path = self.key_file("wrong.key", wrong)
                if wrong:
                    self.both([path], key_file=path)
        empty = self.write("empty.key", "")
        self.both([empty], key_file=empty)

    def test_no_key_at_all(self):
        self.both(["key"], key_file=None)

    def test_streams_that_could_be_swapped(self):
        """At one port or at two: who can redirect datagrams must not be able to pass one off as the other."""
        key = harness.new_key()
        path = self.write_json("twins.json", {"streams": {
            name: {"udp_host": "127.0.0.1", "udp_port": harness.free_port(socket.SOCK_DGRAM), "key": key} for name in ("a", "b")}})
        self.refused("ddrecv", "--config", path, "--check-config", names=["streams a and b have the same key"])

    def test_a_file_with_a_key_that_everyone_can_read(self):
        path = self.write("open.json", '{"streams": {"a": {"udp_port": 5005, "key": "%s"}}}' % harness.new_key(), 0o644)
        self.refused("ddrecv", "--config", path, "--check-config", names=[f"{path} holds a secret, streams.a.key, .*chmod 600 {path}"])

    def test_a_password_that_is_a_path_is_no_secret(self):
        """In mode vnc it names a file of vncpasswd's; elsewhere it is a password."""
        def check(mode, source, password):
            path = self.write("desk.json", json.dumps({"streams": {"desk": {
                "mode": mode, "source": source, "password": password, "cloud_ip": "127.0.0.1", "cloud_port": 5005, "key_file": self.key}}}),
                0o644)
            return self.run_program("ddsend", "--config", path, "--check-config")
        with open(self.path("passwd"), "wb") as f:
            f.write(bytes.fromhex("dbd83cfd727a1458"))  # "password"
        os.chmod(self.path("passwd"), 0o600)
        self.assertEqual(check("vnc", "vnc.example.com", self.path("passwd"))[0], 0)
        code, _, log = check("rtsp", "rtsp://camera.example.com/", "Sesame")
        self.assertEqual(code, 2)
        self.assertRegex(log, "holds a secret, streams.desk.password, but")
        self.assertNotIn("Sesame", log)

    def test_a_socket_path_that_is_taken(self):
        port = str(harness.free_port(socket.SOCK_DGRAM))
        arguments = ("--udp-port", port, "--udp-host", "127.0.0.1", "--key-file", self.key_file())
        path = self.write("precious", "data")
        self.refused("ddrecv", *arguments, "--http-host", "unix:" + path, names=[path, "in use"])
        with open(path) as f:
            self.assertEqual(f.read(), "data")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path("served"))
            other.listen()
            self.refused("ddrecv", *arguments, "--http-host", "unix:" + self.path("served"), names=["in use"])
        # nobody serves it any more: out of the way
        daemon = self.receiver(*arguments, "--http-host", "unix:" + self.path("served"), wait=False)
        daemon.wait_log("unix:.*served")
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(os.path.exists(self.path("served")))

    def test_a_key_in_the_wrong_place(self):
        key = "Xx" + harness.new_key()[2:]
        log = self.refused("ddsend", f"-key{key}", names=["not an option"])
        self.assertNotIn(key[:12], log)

    def test_a_key_twice(self):
        self.both(["key"], key=harness.new_key())

    def test_unknown_options(self):
        self.both(["no-such-option"], no_such_option="1")

    def test_words_too_many(self):
        for program, arguments in (("ddsend", self.send()), ("ddrecv", self.receive())):
            self.refused(program, *arguments, "surplus", names=["argument"])  # not which: it might be a secret

    def test_nothing_at_all(self):
        for program in ("ddsend", "ddrecv"):
            self.refused(program, names=["--"])

    def test_values_out_of_range(self):
        for options in ({"cloud_port": 0}, {"cloud_port": 65536}, {"cloud_port": "x"}, {"cloud_port": "5005 "}, {"jpeg_quality": 101},
                        {"jpeg_quality": -1}, {"interval": -1}, {"interval": "nan"}, {"interval": "1e999"}, {"loss_tolerance": 0.6},
                        {"capture_resolution": "0x0"}, {"capture_resolution": "99999x99999"}, {"capture_resolution": "wide"},
                        {"max_packet_size": 10}, {"max_packet_size": 70000}, {"mode": "radio"}, {"rtsp_transport": "pigeon"},
                        {"cloud_ip": "receiver.example.com"}, {"cloud_ip": "1.2.3"}, {"cloud_ip": ""}, {"rate_limit": "fast"},
                        {"rate_limit": "100Q"}, {"stream_id": "x" * 65}):
            with self.subTest(options):
                name = next(iter(options)).replace("_", "[-_]")
                self.refused("ddsend", *self.send(**options), names=[name])
        for options in ({"udp_port": 0}, {"udp_port": 70000}, {"http_port": -1}, {"udp_host": "everywhere"}, {"http_host": "nowhere at all"},
                        {"buffer_size": 0}, {"buffer_bytes": "-1"}, {"max_frame_bytes": "1Ti"}, {"live_seconds": "soon"}):
            with self.subTest(options):
                name = next(iter(options)).replace("_", "[-_]")
                self.refused("ddrecv", *self.receive(**options), names=[name])

    def test_a_rate_limit_that_status_alone_would_use_up(self):
        """STATUS goes ahead of pictures: none would ever be sent, and nobody told why."""
        config = {"sender": {"rate_limit": "64K"},
                  "streams": {f"s{i}": {"mode": "test", "key": harness.new_key(), "cloud_port": 5005,
                                        "cloud_ip": [f"127.0.0.{1 + j}" for j in range(8)]} for i in range(8)}}
        arguments = ["--config", self.write_json("many.json", config), *self.state]
        bits = 64 * (32 + 72 + 16 + 28) * 8
        self.refused("ddsend", *arguments, names=[f"many.json: sender.rate_limit: .*64 STATUS.* {bits} bit/s.* at least {2 * bits}$"])
        self.refused("ddsend", *arguments, "--check-config", names=["rate_limit"])
        self.refused("ddsend", *arguments, "--rate-limit", 2 * bits - 1, "--check-config", names=["--rate-limit"])
        self.assertEqual(self.run_program("ddsend", *arguments, "--rate-limit", 2 * bits, "--check-config")[0], 0)

    def test_host_names_are_refused_with_a_way_out(self):
        self.refused("ddsend", *self.send(cloud_ip="receiver.example.com"), names=["getent ahosts receiver.example.com"])

    def test_urls_that_are_none(self):
        for url in ("http://camera/1", "camera", "rtsp://", "rtsp://:554/", "rtsp://camera:99999/", "file:///etc/passwd", ""):
            with self.subTest(url):
                self.refused("ddsend", *self.send(mode="rtsp", source=url), names=["source"])
        self.refused("ddsend", *self.send(mode="rtsp"), names=["source"])

    def test_files_that_are_wrong(self):
        good = {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": 5005, "key": harness.new_key()}
        cases = {
            "no JSON": ('{"sender": {},\n"streams": {"a": }}', ["line 2|:2"]),
            "an unknown key": ({"streams": {"lobby": {**good, "colour": 1}}}, ["lobby", "colour"]),
            "an unknown key of the daemon": ({"sender": {"speed": 1}, "streams": {"a": good}}, ["speed"]),
            "an unknown section": ({"server": {}, "streams": {"a": good}}, ["server"]),
            "a wrong value": ({"streams": {"lobby": {**good, "jpeg_quality": 200}}}, ["lobby", "jpeg_quality", "200", "100"]),
            "a wrong type": ({"streams": {"lobby": {**good, "jpeg_quality": []}}}, ["lobby", "jpeg_quality"]),
            "a switch that is no switch": ({"streams": {"lobby": {**good, "pause_browser": "maybe"}}}, ["pause_browser"]),
            "an option of the command line": ({"sender": {"help": True}, "streams": {"a": good}}, ["help"]),
            "a name": ({"streams": {"No Good": good}}, ["No Good"]),
            "a long name": ({"streams": {"x" * 65: good}}, ["x" * 65]),
            "no streams": ({"streams": {}}, ["streams"]),
            "a list": ([1, 2], ["json"]),
            "a key twice": ('{"streams": {"a": {"mode": "test", "mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": 1, '
                            '"key": "%s"}}}' % harness.new_key(), ["mode"]),
        }
        for what, (content, names) in cases.items():
            with self.subTest(what):
                path = self.write("wrong.json", content) if isinstance(content, str) else self.write_json("wrong.json", content)
                self.refused("ddsend", "--config", path, *self.state, names=["wrong.json", *names])
        path = self.write_json("swap.json", {"streams": {"a": good, "b": good}})
        self.refused("ddsend", "--config", path, *self.state, names=[r"\ba\b", r"\bb\b", "same key", "stream_id"])
        self.refused("ddsend", "--config", self.path("none.json"), *self.state, names=["none.json"])
        self.refused("ddsend", "--config", self.folder, *self.state, names=[self.folder])

    def test_files_of_the_receiver_that_are_wrong(self):
        key = harness.new_key()
        for what, streams, names in (
                ("the site's own path", {"healthz": {"udp_port": 5005, "key": key}}, ["healthz"]),
                ("one key for two streams of a port", {"a": {"udp_port": 5005, "key": key}, "b": {"udp_port": 5005, "key": key}},
                 ["a", "b"]),
                ("two kinds of key", {"a": {"udp_port": 5005, "key": key, "keys": [key]}}, ["key"]),
                ("no port", {"a": {"key": key}}, ["udp_port"])):
            with self.subTest(what):
                path = self.write_json("wrong.json", {"streams": streams})
                self.refused("ddrecv", "--config", path, *self.state, names=["wrong.json|same key", *names])

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused("ddrecv", *self.receive(http_port=port), names=[str(port), "(?i)in use"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.refused("ddrecv", *self.receive(udp_port=port), names=[str(port), "(?i)in use"])

    def test_an_address_of_another_machine(self):
        self.refused("ddrecv", *self.receive(http_host="192.0.2.1"), names=["192.0.2.1"])
        self.refused("ddrecv", *self.receive(udp_host="192.0.2.1"), names=["192.0.2.1"])

    def test_a_state_folder_that_cannot_be(self):
        blocked = self.write("blocked", "")
        self.state = ["--state-dir", blocked + "/state"]
        self.refused("ddsend", *self.send(), names=[blocked])

    def test_a_role_does_not_start_by_itself(self):
        for program in ("ddsend", "ddrecv"):
            for title in (f"{program}: transmit", f"{program}: intake", f"{program}: serve", f"{program}: capture x"):
                done = harness.Process(self, ["/bin/bash", "-c", f'exec -a "{title}" {harness.program(program)}'])
                self.assertNotEqual(done.wait(), 0)


class DatagramTest(harness.Test):
    """What strangers send is refused, counted under its cause, and harms nothing."""

    def setUp(self):
        super().setUp()
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        self.receiver = self.receiver_stream(self.port, self.key)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.out.close)
        # real datagrams, kept from the receiver
        self.tap = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.tap.close)
        self.tap.bind(("127.0.0.1", 0))
        self.tap.settimeout(20)

    def real(self, count, key=None):
        """Datagrams of a sender with this key, the receiver's own unless said otherwise."""
        sender = self.card(self.tap.getsockname()[1], key or self.key)
        got = [self.tap.recv(65536) for _ in range(count)]
        self.assertEqual(sender.stop(), 0)
        self.tap.setblocking(False)
        try:
            while self.tap.recv(65536):
                pass  # nothing of this sender is left for the next one
        except BlockingIOError:
            self.tap.settimeout(20)
        return got

    def send(self, datagram):
        self.out.sendto(datagram, ("127.0.0.1", self.port))

    def counts(self):
        stats = self.receiver.stats()
        return {**stats["socket"]["refused"], **stats["total"]["refused"], "received": stats["total"]["datagrams_received"]}

    def expect(self, **wanted):
        """Just these counters are not 0, and the daemon is well."""
        def holds():
            return {k: v for k, v in self.counts().items() if v} == wanted
        harness.wait_until(holds, 10, lambda: f"{wanted}; there are {self.counts()}")
        self.assertEqual(set(self.receiver.roles()), {"intake", "serve"})

    def test_short_ones(self):
        real = self.real(1)[0]
        for size in (0, 1, 16, 31, 32, 47, 48, 79, 80):
            self.send(real[:size])
        self.expect(short=9)

    def test_other_versions(self):
        real = self.real(1)[0]
        for at, value in ((0, 0), (0, 2), (0, 255), (1, 1), (2, 1), (3, 128)):
            self.send(real[:at] + bytes([value]) + real[at + 1:])
        self.expect(version=6)

    def test_another_key(self):
        for datagram in self.real(5, self.key_file("other.key")):
            self.send(datagram)
        self.expect(key=5)

    def test_corrupted_ones(self):
        datagrams = self.real(8)
        for n, datagram in enumerate(datagrams):
            at = (32, 40, len(datagram) - 1, len(datagram) - 16, len(datagram) // 2, 31, 30, 20)[n]
            self.send(datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1:])
        self.expect(forged=8)

    def test_truncated_and_extended_ones(self):
        datagram = self.real(1)[0]
        self.send(datagram[:-1])
        self.send(datagram + b"\0")
        self.send(datagram[:81])
        self.expect(forged=3)

    def test_a_session_far_ahead(self):
        datagram = self.real(1)[0]
        day = 86400 * 1000000
        for ahead in (day + 60 * 1000000, 2 * day, 2**63):
            start = (struct.unpack(">Q", datagram[8:16])[0] + ahead) % 2**64
            self.send(datagram[:8] + struct.pack(">Q", start) + datagram[16:])
        self.expect(session=3)

    def test_replays(self):
        datagrams = self.real(20)
        for datagram in datagrams * 3:
            self.send(datagram)
        self.expect(received=20, replay=40)

    def test_an_older_session(self):
        old, new = self.real(5), self.real(5)
        for datagram in new + old:
            self.send(datagram)
        self.expect(received=5, session=5)

    def test_an_equal_start_with_another_salt(self):
        datagrams = self.real(2)
        self.send(datagrams[0])
        self.send(datagrams[1][:16] + bytes(8) + datagrams[1][24:])
        self.expect(received=1, session=1)

    def test_counters_beyond_a_session(self):
        datagrams = self.real(2)
        self.send(datagrams[0])
        self.send(datagrams[1][:24] + struct.pack(">Q", 1 << 23) + datagrams[1][32:])
        self.expect(received=1, replay=1)

    def test_random_ones(self):
        chance = random.Random(1)
        for _ in range(500):
            self.send(chance.randbytes(chance.randrange(0, 2000)))
            self.send(b"\x01\0\0\0" + chance.randbytes(chance.randrange(100, 2000)))
        counts = harness.wait_until(lambda: (lambda c: c if sum(c.values()) == 1000 else None)(self.counts()), 10, "all counted")
        self.assertEqual(counts["key"], 500)
        self.assertEqual(counts["received"], 0)
        self.assertEqual(counts["short"] + counts["version"], 500)

    def test_largest_ones(self):
        for start in (b"", b"\x01\0\0\0"):
            self.send(start + bytes(65507 - len(start)))
        self.expect(version=1, key=1)

    def test_bundles(self):
        """What the kernel puts together of one sender's datagrams is taken apart again, the short last one included."""
        by_size = {}
        for datagram in self.real(60):
            by_size.setdefault(len(datagram), []).append(datagram)
        size, datagrams = max(by_size.items(), key=lambda item: len(item[1]))
        self.assertGreater(len(datagrams), 5)
        damaged = datagrams[2][:-1] + bytes([datagrams[2][-1] ^ 1])
        bundle = b"".join([*datagrams, damaged, datagrams[0], bytes(40)])
        self.out.sendmsg([bundle], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size))], 0, ("127.0.0.1", self.port))
        self.expect(received=len(datagrams), replay=2, short=1)

    def test_a_flood_does_not_keep_a_picture_out(self):
        chance = random.Random(2)
        real = self.real(1)[0]
        self.card(self.port, self.key)
        self.receiver.wait_live()

        def flood():
            for _ in range(200):
                at = chance.randrange(4, len(real))
                self.send(real[:at] + bytes([real[at] ^ 0x55]) + real[at + 1:])
                self.send(chance.randbytes(1400))
            return sum(v for k, v in self.counts().items() if k != "received") > 5000
        first = self.receiver.freshness()["frame"]
        harness.wait_until(flood, 30, "a flood")
        self.receiver.wait_freshness(lambda f: f["state"] == "live" and f["frame"] > first, 5, "new pictures")
        self.assertLess(len(self.receiver.log()), 100000, "refusals are not logged one by one")


class FrameTest(harness.Test):
    def test_a_frame_above_the_limit(self):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key, "--max-frame-bytes", "64Ki")
        sender = self.card(port, key, "--capture-resolution", "1920x1080", "--jpeg-quality", "100", "--interval", "0.2")
        stats = receiver.wait_stats(lambda s: s["total"]["refused"]["malformed"] + s["total"]["frames_bad"] > 5, 20, "refusals")
        self.assertEqual(stats["total"]["frames_complete"], 0)
        self.assertEqual(receiver.freshness()["state"], "stale")
        receiver.wait_log("max_frame_bytes|65536|64Ki")
        self.assertTrue(sender.running())

    def test_frames_that_are_never_finished(self):
        """Memory stays within bounds, and a whole frame still gets through."""
        port, key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        receiver = self.receiver("--udp-host", "127.0.0.1", "--udp-port", port, "--key", key)
        forge = harness.Forge(self, port, key)
        for frame in range(1, 101):
            forge.fragment(bytes(1000), frame, size=100000, index=0, data=100)
        forge.frame(harness.make_jpeg(), 200)
        stats = receiver.wait_stats(lambda s: s["total"]["frames_complete"] == 1 and s["total"]["frames_incomplete"] == 100, 10,
                                    "one whole frame and a hundred unfinished ones")
        self.assertEqual(stats["total"]["refused"]["malformed"], 0)


if __name__ == "__main__":
    harness.main()

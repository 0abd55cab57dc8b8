"""Cameras that misbehave, and what is left of ddsend."""
import datetime
import os
import re
import socket
import ssl
import sys
import time

import certificates
import harness

sys.path.insert(0, harness.SUPPORT)
import fake_camera  # noqa: E402

SECRET = "not-for-the-log"

# how it behaves: (reasons that the receiver may be told, words in the log of ddsend)
TROUBLE = {
    "silent": ({"no picture in time"}, r"no answer within 2 s"),
    "only options": ({"no picture in time"}, r"no answer within 2 s"),
    "rubbish": ({"cannot be read", "no picture in time"}, r"cannot be understood|no answer within 2 s"),
    "endless header": ({"no picture in time"}, r"no answer within 2 s"),
    "large answer": ({"no video in it"}, r"no video in it"),
    "endless answer": ({"cannot be read"}, r"cannot be understood"),
    "rubbish pictures": ({"cannot be read", "no picture in time"}, r"no picture (without errors )?within 2 s"),
    "stops": ({"no picture in time", "cannot be read", None}, r"lost: .*no picture (without errors )?within 2 s"),
    "cuts": ({"connection closed by the source"}, r"lost: .*(closed|cut) the connection"),
    "no video": ({"no video in it"}, r"no video in it"),
    "too large": ({"picture cannot be sent"}, r"its picture of 8192x8192 has more than 16\.8 megapixels"),
    "basic": ({"wrong user name or password"}, r"wrong user name or password"),
    "digest": ({"wrong user name or password"}, r"wrong user name or password"),
    "no path": ({"no such path"}, r"no such path"),
}
REFUSES = ("basic", "digest")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class FakeTest(harness.Test):
    def start(self, cameras, options=None):
        """One ddsend and one ddrecv for all cameras; options: {stream: {option: value}}."""
        senders, receivers = {}, {}
        port = harness.free_port(socket.SOCK_DGRAM)
        self.cameras = cameras
        for name, camera in cameras.items():
            self.addCleanup(camera.stop)
            key = self.key_file(name + ".key")
            senders[name] = {"mode": "rtsp", "source": f"rtsp://viewer:{SECRET}@127.0.0.1:{camera.port}/x", "timeout": 2,
                             "interval": 0.2, "cloud_ip": "127.0.0.1", "cloud_port": port, "key_file": key,
                             **(options or {}).get(name, {})}
            receivers[name] = {"udp_host": "127.0.0.1", "udp_port": port, "key_file": key, "live_seconds": 1}
        self.receiver = self.receiver_config(receivers)
        self.sender = self.sender_config(senders)

    def wait_live_all(self, names, timeout):
        for name in names:
            self.receiver.wait_freshness(lambda f: f["state"] == "live" and f["source"] == "ok", timeout, "a picture at last", name)

    def reasons(self):
        streams = (self.receiver.try_json("/freshness") or {"streams": {}})["streams"]
        return {name: (f["source"], f["reason"]) for name, f in streams.items()}


class LossTest(FakeTest):
    def test_nothing_damaged_is_shown(self):
        """A camera that leaves RTP packets out: of each ten pictures the two before that are whole, and no other."""
        names = [f"{mode}-{codec}" for mode in ("good", "loses") for codec in ("h264", "h265")]
        self.start({name: fake_camera.FakeCamera(name.split("-")[0], codec=name.split("-")[1]) for name in names},
                   {name: {"interval": 0} for name in names})
        self.wait_live_all(names, 15)

        def count():
            return {name: self.receiver.stats(name)["total"]["frames_complete"] for name in names}
        before, start = count(), time.monotonic()
        harness.wait_until(lambda: time.monotonic() > start + 6, 8, "six seconds")
        seconds = time.monotonic() - start
        rates = {name: (n - before[name]) / seconds for name, n in count().items()}
        for codec in ("h264", "h265"):
            self.assert_rate(rates["good-" + codec], 8.5, 11.5)
            self.assert_rate(rates["loses-" + codec], 0.6, 2.4)


class TroubleTest(FakeTest):
    def test_each_is_told_and_heals(self):
        # that one stops is seen by timeout, not only when the next picture is due; with such an interval it still counts as live
        self.start({mode.replace(" ", "-"): fake_camera.FakeCamera(mode) for mode in TROUBLE}, {"stops": {"interval": 8}})
        told = {}

        def all_told():
            for name, (source, reason) in self.reasons().items():
                if source in ("failed", "connecting") and reason in TROUBLE[name.replace("-", " ")][0]:
                    told[name] = reason
            return len(told) == len(TROUBLE)
        harness.wait_until(all_told, 25, lambda: f"trouble with all, not only {told}; now {self.reasons()}")

        log = self.sender.log()
        for mode, (_, words) in TROUBLE.items():
            self.assertRegex(log, rf"capture {mode.replace(' ', '-')}: .*({words})")
        connected, lost = (datetime.datetime.fromisoformat(re.search(rf"(?m)^(\S+)Z ddsend: capture stops: {what}", log).group(1))
                           for what in ("connected", "warning: lost"))
        self.assertLess((lost - connected).total_seconds(), 5 * harness.stretch(), "1 s of pictures, 2 s without")
        roles = {name: pid for name, pid in self.sender.roles().items() if name.startswith("capture ")}
        self.assertEqual(len(roles), len(TROUBLE))
        for name, pid in roles.items():
            # where there is no end of data, there is work for as long as timeout lasts
            self.assertLess(cpu_seconds(pid), 4, name)

        asked = {name: self.cameras[name].attempts for name in REFUSES}
        for camera in self.cameras.values():
            camera.behave("good")
        # a refused password is tried again after 30 s to 45 s, so that no account is locked
        self.wait_live_all(self.cameras, 60)
        for name in REFUSES:
            self.assertLessEqual(asked[name], 2, "asked without, and with the password, once")
            self.assertLessEqual(self.cameras[name].attempts, 4, f"{name} in all")
        self.assertEqual({name: pid for name, pid in self.sender.roles().items() if name in roles}, roles, "none had to be replaced")
        for name, camera in self.cameras.items():
            self.assertRegex(self.sender.log(), rf"(?m)ddsend: {name}: rtsp rtsp://\(hidden\)@127\.0\.0\.1:{camera.port}/x to 127\.0\.0\.1:\d+, key id")
        self.assertNotIn(SECRET, self.sender.log())
        self.assertNotIn("dmlld2VyO", self.sender.log(), "nor as Basic writes it")


class TlsTest(FakeTest):
    """rtsps with certificates made here."""

    def camera(self, mode, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return fake_camera.FakeCamera(mode, tls=context)

    def test_certificates(self):
        ours, other = certificates.Authority(self, "ours"), certificates.Authority(self, "other")
        good = ours.sign("good")
        foreign = ours.sign("foreign", "IP:192.0.2.1,DNS:elsewhere.example")
        cameras = {
            "right-address": self.camera("good", good),
            "right-name": self.camera("good", good),
            "itself": self.camera("good", good),
            "unchecked": self.camera("good", other.sign("strange")),
            "wrong-ca": self.camera("good", other.sign("stranger")),
            "wrong-address": self.camera("good", foreign),
            "wrong-name": self.camera("good", foreign),
            "expired": self.camera("good", ours.sign("expired", validity=certificates.EXPIRED)),
            "no-tls": fake_camera.FakeCamera("good"),
            "cuts": self.camera("cuts", good),
            "stops": self.camera("stops", good),
            "redirects": self.camera("redirects", good),
            "redirects-in-clear": fake_camera.FakeCamera("redirects"),
            "redirects-to-tls": fake_camera.FakeCamera("redirects"),
        }
        elsewhere = fake_camera.FakeCamera("good")
        self.addCleanup(elsewhere.stop)
        cameras["redirects"].elsewhere = f"rtsp://127.0.0.1:{elsewhere.port}/x"
        cameras["redirects-in-clear"].elsewhere = f"rtsp://127.0.0.1:{cameras['no-tls'].port}/x"
        cameras["redirects-to-tls"].elsewhere = f"rtsps://127.0.0.1:{cameras['unchecked'].port}/x"
        options = {name: {"source": f"rtsps://viewer:{SECRET}@127.0.0.1:{camera.port}/x", "ca_file": ours.ca}
                   for name, camera in cameras.items()}
        for name in ("right-name", "wrong-name"):
            options[name]["source"] = f"rtsps://viewer:{SECRET}@localhost:{cameras[name].port}/x"
        for name in ("redirects-in-clear", "redirects-to-tls"):
            options[name] = {}
        options["itself"]["ca_file"] = good[0]
        del options["unchecked"]["ca_file"]
        self.start(cameras, options)

        self.wait_live_all(("right-address", "right-name", "itself", "unchecked", "redirects-in-clear"), 20)
        for name, words in (("wrong-ca", "is not signed by one in ca_file"), ("wrong-address", "is for another address"),
                            ("wrong-name", "is for another name"), ("expired", "has expired")):
            self.receiver.wait_freshness(lambda f: f["source"] == "failed" and f["reason"] == "certificate refused", 10,
                                         "a refused certificate", name)
            self.sender.wait_log(rf"capture {name}: .*rtsps://[^ ]*:{cameras[name].port}/x: .*{words}", 5)
            self.assertEqual(cameras[name].attempts, 0, f"{name}: nothing is asked of it")
        self.sender.wait_log(r"capture no-tls: .*(there is no TLS at this port|no answer in time)", 10)
        self.sender.wait_log(r"capture cuts: .*lost: .*closed the connection")
        self.sender.wait_log(r"capture stops: .*lost: .*no picture (without errors )?within 2 s")
        self.sender.wait_log(r"capture redirects: .*sends on to another address")
        self.sender.wait_log(r"capture redirects-to-tls: .*sends on to another address")
        self.assertEqual(elsewhere.requests, 0, "nothing leads around TLS")
        warned = re.findall(r"capture ([a-z-]+): warning: .*certificate is not checked", self.sender.log())
        self.assertEqual(set(warned), {"unchecked"})

        for camera in cameras.values():
            camera.behave("good")
        self.wait_live_all(("cuts", "stops", "redirects"), 45)
        self.assertNotIn(SECRET, self.sender.log())

    def check_refused(self, words, *arguments):
        code, _, log = self.run_program("ddsend", "--mode", "rtsp", "--cloud-ip", "127.0.0.1", "--cloud-port", 9, "--key-file",
                                        self.key_file(), "--check-config", *arguments)
        self.assertEqual(code, 2, log)
        self.assertRegex(log, words)

    def test_what_is_refused_at_start(self):
        source = ("--source", "rtsps://127.0.0.1/x")
        self.check_refused(r"(?s)no-such-file: No such file.*--ca-file", *source, "--ca-file", self.path("no-such-file"))
        for text in ("", "no certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            path = self.write("wrong.pem", text)
            self.check_refused(rf"--ca-file {re.escape(path)}: ", *source, "--ca-file", path)
        ca = certificates.Authority(self).ca
        with open(ca) as f:
            self.check_refused("not all of it", *source, "--ca-file",
                               self.write("half.pem", f.read() + "-----BEGIN CERTIFICATE-----\nAAAA\n"))
        self.check_refused("--rtsp-transport: .* in clear", *source, "--ca-file", ca, "--rtsp-transport", "udp")


if __name__ == "__main__":
    harness.main()

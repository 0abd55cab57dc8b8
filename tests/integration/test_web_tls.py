"""Certificates of web pages are checked against the system's authorities or ca_file; errors are logged, with what to do."""
import certificates
import harness
import webharness


class TlsTest(webharness.Test):
    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority(self)
        pairs = {
            "good": self.authority.sign("good", "IP:127.0.0.1"),
            "named": self.authority.sign("named", "DNS:localhost"),
            "expired": self.authority.sign("expired", validity=certificates.EXPIRED),
            "selfsigned": certificates.self_signed(self, "selfsigned"),
        }
        self.certificates = pairs
        arguments = []
        for pair in pairs.values():
            arguments += ["--tls", ",".join(pair)]
        self.web.stop()
        self.web = webharness.WebServer(self, *arguments)
        self.ports = dict(zip(pairs, self.web.tls))

    def url(self, which, host="127.0.0.1", path="/counter"):
        return f"https://{host}:{self.ports[which]}{path}"

    def test_right_ones(self):
        ca = {"ca_file": self.authority.ca}
        self.start({
            "right": (self.url("good"), ca),
            "right-name": (self.url("named", "localhost"), ca),
            "itself": (self.url("selfsigned"), {"ca_file": self.certificates["selfsigned"][0]}),
            "ignored": (self.url("selfsigned"), {"ignore_certificate_errors": True}),
        }, timeout=25, interval=1)
        for name in self.names:
            with self.subTest(name):
                self.wait_picture(name, 60)
                self.assertIsNotNone(self.cells(name))

    def test_wrong_ones(self):
        """Nothing is asked of such a server, and the way out is told."""
        ca = {"ca_file": self.authority.ca}
        self.start({
            "unknown": (self.url("good"), {}),
            "other-ca": (self.url("selfsigned"), ca),
            "wrong-name": (self.url("named"), ca),
            "expired": (self.url("expired"), ca),
        }, timeout=25, interval=1)
        for name in self.names:
            with self.subTest(name):
                self.wait_failed(name, "certificate refused", 60)
                said = self.wait_said(rf"capture {name}: .*certificate.*").group(0)
                for word in ("ca_file", "ignore_certificate_errors") if name in ("unknown", "other-ca") else ():
                    self.assertIn(word, said)
                self.assertEqual(self.frames_complete(name), 0)
        self.assertEqual([r for r in self.web.requests() if r["port"] in self.web.tls], [])

    def test_tls_where_there_is_none(self):
        self.start({"page": (f"https://127.0.0.1:{self.web.port}/counter", {"timeout": 5, "ca_file": self.authority.ca})})
        self.wait_fresh(lambda f: f["source"] == "failed" and f["reason"], 30, "failed")
        self.assertEqual(self.frames_complete(), 0)
        self.browser()

    def check_refused(self, words, *arguments):
        self.refused("ddsend", "--mode", "web", "--source", self.url("good"), "--cloud-ip", "127.0.0.1", "--cloud-port", 9,
                     "--key-file", self.key_file(), "--check-config", *arguments, names=[words])

    def test_a_ca_file_that_is_none(self):
        self.check_refused(r"no-such-file", "--ca-file", self.path("no-such-file"))
        self.check_refused(r"wrong\.pem", "--ca-file", self.write("wrong.pem", "no certificate\n"))


if __name__ == "__main__":
    harness.main()

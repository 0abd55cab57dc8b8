"""Certificates of web pages: checked, by the system's authorities or by ca_file; what is wrong is said, with the way out."""
import harness
import webharness


class TlsTest(webharness.Test):
    def setUp(self):
        super().setUp()
        self.authority = webharness.Certificates(self)
        pairs = {
            "good": self.authority.signed("good"),
            "named": self.authority.signed("named", "DNS:localhost"),
            "expired": self.authority.signed("expired", days=-1),
            "selfsigned": self.authority.self_signed("selfsigned"),
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

    def test_certificates(self):
        ca = {"ca_file": self.authority.ca}
        shown = {
            "right": (self.url("good"), ca),
            "right-name": (self.url("named", "localhost"), ca),
            "itself": (self.url("selfsigned"), {"ca_file": self.certificates["selfsigned"][0]}),
            "ignored": (self.url("selfsigned"), {"ignore_certificate_errors": True}),
        }
        refused = {
            "unknown": (self.url("good"), {}),
            "self-signed": (self.url("selfsigned"), {}),
            "other-ca": (self.url("selfsigned"), ca),
            "wrong-name": (self.url("named"), ca),
            "expired": (self.url("expired"), ca),
        }
        self.start({**shown, **refused}, timeout=15, interval=0.5)
        for name in shown:
            with self.subTest(name):
                self.wait_picture(name, 60)
                self.assertIsNotNone(self.cells(name))
        for name in refused:
            with self.subTest(name):
                self.wait_failed(name, "certificate refused", 60)
                said = self.wait_said(rf"capture {name}: .*certificate.*").group(0)
                for word in ("ca_file", "ignore_certificate_errors") if name in ("unknown", "self-signed", "other-ca") else ():
                    self.assertIn(word, said)
                self.assertEqual(self.frames_complete(name), 0)
        for name, port in (("unknown", "good"), ("wrong-name", "named"), ("expired", "expired")):
            asked = [r for r in self.web.requests() if r["port"] == self.ports[port]]
            self.assertTrue(all(r["path"] in ("/counter", "/favicon.ico") for r in asked), asked)
        self.assertEqual([r for r in self.web.requests() if r["port"] == self.ports["expired"]], [], "nothing is asked of it")

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

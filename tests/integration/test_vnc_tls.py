"""TLS of real VNC servers: certificates are checked, and cannot be bypassed."""
import re

import certificates
import vnc_servers
import harness
from vnc_servers import PASSWORD


class TlsTest(vnc_servers.LoginTest):
    def test_certificates(self):
        receiver = self.receive()
        ours, others = certificates.Authority(self, "ours"), certificates.Authority(self, "others")
        ca, other_ca = ours.ca, others.ca
        pem, key = ours.sign("desk")
        other_pem, other_key = others.sign("other", "DNS:elsewhere.example")
        password = vnc_servers.password_file(self, PASSWORD)

        def x509(*arguments, security="X509Vnc", **options):
            return self.tiger(security, "-X509Cert", options.get("pem", pem), "-X509Key", options.get("key", key))
        good = x509()
        sender = self.watch(f"localhost::{good.port}", "--password", password, "--ca-file", ca)
        self.check_live(sender, receiver)
        self.assertNotIn("not checked", sender.log())
        good.fill("#30a060")
        self.wait_colour(5, 5, "#30a060")
        self.assertEqual(sender.stop(2), 0)

        sender = self.watch(f"127.0.0.1::{good.port}", "--password", password, "--state-dir", self.path("unchecked"))
        sender.wait_log("connected: 320x240")
        self.assertEqual(len(re.findall("certificate is not checked", sender.log())), 1)
        sender.stop(2)

        elsewhere = x509(pem=other_pem, key=other_key)
        for name, port, authorities, words in (("other-ca", good.port, other_ca, "not signed by one in ca_file"),
                                               ("other-name", elsewhere.port, other_ca, "certificate is for another")):
            with self.subTest(name):
                sender = self.watch(f"localhost::{port}", "--password", password, "--ca-file", authorities, "--state-dir",
                                    self.path(name))
                sender.wait_log(words)
                receiver.wait_freshness(lambda f: f["reason"] == "certificate refused", 10, "the reason", "desk")
                sender.stop(2)

    def test_no_way_around_a_certificate(self):
        """With ca_file nothing without a certificate is accepted, whatever the server offers first."""
        self.receive()
        authority = certificates.Authority(self)
        ca, (pem, key) = authority.ca, authority.sign("desk")
        for security in ("None", "VncAuth", "TLSNone,TLSVnc,None,VncAuth"):
            with self.subTest(security):
                desktop = self.tiger(security)
                sender = self.watch(f"localhost::{desktop.port}", "--password-file", self.write("clear", PASSWORD), "--ca-file", ca,
                                    "--state-dir", self.path(security.replace(",", "-")))
                sender.wait_log("has no TLS with a certificate")
                self.assertNotRegex(sender.log(), "connected: ")
                sender.stop(2)
        desktop = self.tiger("TLSVnc,TLSNone,VncAuth,None,X509Vnc", "-X509Cert", pem, "-X509Key", key)
        sender = self.watch(f"localhost::{desktop.port}", "--password-file", self.write("clear", PASSWORD), "--ca-file", ca, "--debug",
                            "--state-dir", self.path("best"))
        sender.wait_log("connected: 320x240")
        desktop.process.wait_log("X509Vnc|X509Vnc\\(261\\)")

    def test_anonymous_tls(self):
        receiver = self.receive()
        desktop = self.tiger("TLSVnc")
        password = self.write("clear", PASSWORD)
        sender = self.watch(f"127.0.0.1::{desktop.port}", "--password-file", password)
        sender.wait_log("has TLS only without a certificate; give it one, or set tls_anonymous")
        sender.stop(2)
        sender = self.watch(f"127.0.0.1::{desktop.port}", "--password-file", password, "--tls-anonymous", "--state-dir",
                            self.path("anonymous"))
        self.check_live(sender, receiver)
        desktop.fill("#a03060")
        self.wait_colour(5, 5, "#a03060")


if __name__ == "__main__":
    harness.main()

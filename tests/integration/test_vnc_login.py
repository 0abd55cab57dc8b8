"""Passwords at real VNC servers: they work, and stay secret."""
import os

import vnc_servers
import harness
from vnc_servers import PASSWORD


class LoginTest(vnc_servers.LoginTest):
    def test_a_vncpasswd_file(self):
        receiver = self.receive()
        desktop = self.tiger("VncAuth")
        self.check_live(self.watch(f"127.0.0.1::{desktop.port}", "--password", vnc_servers.password_file(self, PASSWORD), "--debug"),
                        receiver)

    def test_a_password_in_clear(self):
        receiver = self.receive()
        desktop = self.tiger("VncAuth")
        sender = self.watch(f"127.0.0.1::{desktop.port}", "--password-file", self.write("clear", PASSWORD + "-and-more\n"))
        self.check_live(sender, receiver)
        sender.wait_log("only the first 8 characters of the password count")

    def test_old_names(self):
        receiver = self.receive()
        desktop = self.tiger("VncAuth")
        path = self.write_json("old.json", {"mode": "vnc", "vnc_host": f"127.0.0.1::{desktop.port}", "interval": 0.1, "vnc_password":
                                            vnc_servers.password_file(self, PASSWORD), "cloud_ip": "127.0.0.1", "cloud_port": self.port,
                                            "key_file": self.key})
        self.check_live(self.sender("--config", path), receiver)

    def test_a_wrong_password(self):
        """It is logged, and not tried again within 30 s: servers lock out clients that do."""
        receiver = self.receive()
        desktop = self.tiger("VncAuth")
        sender = self.watch(f"127.0.0.1::{desktop.port}", "--password", vnc_servers.password_file(self, "wrong"))
        seconds = int(sender.wait_log(r"wrong password; trying again in (\d+) s").group(1))
        self.assertGreaterEqual(seconds, 30)
        receiver.wait_freshness(lambda f: (f["source"], f["reason"]) == ("failed", "wrong user name or password"), 10, "the reason",
                                "desk")
        self.assertEqual(desktop.logins(), 1)
        self.assertEqual(sender.stop(2), 0)

    def test_shut_out(self):
        """Nor is a server that has locked the client out."""
        receiver = self.receive()
        desktop = self.tiger("VncAuth", "-BlacklistThreshold", "1", "-BlacklistTimeout", "60")
        wrong = vnc_servers.password_file(self, "wrong")
        for i in range(3):
            sender = self.watch(f"127.0.0.1::{desktop.port}", "--password", wrong, "--state-dir", self.path(f"state-{i}"))
            sender.wait_log(r"trying again in [3-6]\d s")
            sender.stop(2)
        sender.wait_log("too many attempts with a wrong password")
        receiver.stop()

    def test_no_password(self):
        self.receive()
        desktop = self.tiger("VncAuth")
        sender = self.watch(f"127.0.0.1::{desktop.port}")
        sender.wait_log(r"the VNC server wants a password; set password_file; trying again in [3-6]\d s")

    def test_secrets_stay_with_their_role(self):
        harness.require_root()
        receiver = self.receive()
        desktop = self.tiger("VncAuth")
        sender = self.watch(f"127.0.0.1::{desktop.port}", "--password", vnc_servers.password_file(self, PASSWORD))
        self.check_live(sender, receiver)
        roles = sender.roles()
        needle = PASSWORD.encode()
        self.assertEqual(harness.memory_holds(roles["capture stream"], [needle]), {needle})
        for pid in (roles["transmit"], sender.pid):
            self.assertEqual(harness.memory_holds(pid, [needle]), set(), harness.title(pid))
        self.assertNotIn(needle, harness.memory_holds(receiver.pid, [needle]))


class OptionTest(harness.Test):
    def check(self, names, *arguments):
        return self.refused("ddsend", "--mode", "vnc", "--cloud-ip", "127.0.0.1", "--cloud-port", "5005", "--key", harness.new_key(),
                            "--state-dir", self.path("s"), "--check-config", *arguments, names=names)

    def test_what_is_refused(self):
        harness.require_program("vncpasswd")
        self.check(["source"])
        for source in ("vnc://host", "host:", "user@host", "2001:db8::1"):
            self.check(["source", "host:display or host::port"], "--source", source)
        log = self.check(["password", "no such file", "password_file"], "--source", "host", "--password", "my-clear-password")
        self.assertNotIn("my-clear-password", log)
        self.check(["not a file made by vncpasswd"], "--source", "host", "--password", self.write("clear", "secret\n"))
        self.check(["not a file made by vncpasswd"], "--source", "host", "--password", self.write("long", "x" * 100))
        readable = vnc_servers.password_file(self, "secret")
        os.chmod(readable, 0o644)
        self.check(["others can read it", "chmod 600"], "--source", "host", "--password", readable)
        self.check(["ca.file"], "--source", "host", "--ca-file", self.path("none"))
        self.check(["tls.anonymous", "ca_file"], "--source", "host", "--tls-anonymous", "--ca-file", self.path("none"))

    def test_home_folder(self):
        harness.require_program("vncpasswd")
        os.mkdir(self.path(".vnc"))
        vnc_servers.password_file(self, "secret", ".vnc/passwd")
        path = self.write_json("c.json", {"mode": "vnc", "source": "[::1]:3", "password": "~/.vnc/passwd", "cloud_ip": "127.0.0.1",
                                          "cloud_port": 5005, "key": harness.new_key(), "state_dir": self.path("s")})
        code, out, log = self.run_program("ddsend", "--config", path, "--check-config", env={"HOME": self.folder})
        self.assertEqual(code, 0, out + log)


if __name__ == "__main__":
    harness.main()

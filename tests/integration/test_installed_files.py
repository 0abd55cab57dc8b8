"""The files that are installed beside the programs: units, users, examples, the proxies' configurations."""
import glob
import json
import os
import pwd
import re
import socket
import subprocess

import certificates
import harness
import proxies

UNITS = ("ddsend", "ddrecv")
CADDYFILE = os.path.join(harness.SOURCE, "config", "Caddyfile")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def unit(name):
    """The unit as it is installed."""
    return read(os.path.join(harness.BUILD, "systemd", name + ".service"))


def setting(text, name):
    """The one value of a unit's setting."""
    found = re.findall(rf"^{name}=(.*)$", text, re.M)
    if len(found) != 1:
        raise AssertionError(f"{name}= is there {len(found)} times")
    return found[0]


def run(*command, env=None):
    """(exit code, all that it said)"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout


def help_of(program):
    return subprocess.run([harness.program(program), "--help"], check=True, capture_output=True, text=True, timeout=20).stdout


class UnitsTest(harness.Test):
    def test_systemd_finds_nothing_wrong(self):
        harness.require_program("systemd-analyze")
        for name in UNITS:
            program, _, arguments = setting(unit(name), "ExecStart").partition(" ")
            self.assertTrue(os.path.isabs(program), program)
            self.assertEqual(os.path.basename(program), name)
            self.assertEqual(arguments, f"--config /etc/softdatadiode/{name}.json")
            # the program need not be installed
            path = self.write(name + ".service", unit(name).replace(program, harness.program(name)), 0o644)
            self.assertEqual(run("systemd-analyze", "verify", "--man=no", path), (0, ""))

    def test_systemd_would_say_if_something_were_wrong(self):
        harness.require_program("systemd-analyze")
        path = self.write("wrong.service", "[Service]\nType=notify\nExecStart=/bin/true\nRestrictedRealtime=yes\n", 0o644)
        self.assertIn("RestrictedRealtime", run("systemd-analyze", "verify", "--man=no", path)[1])

    def test_files_for_all_viewers(self):
        """Two for each of the largest max_viewers."""
        most = re.search(r"--max-viewers .*\n.*to (\d+)", help_of("ddrecv")).group(1)
        self.assertGreater(int(setting(unit("ddrecv"), "LimitNOFILE")), 2 * int(most))


class UsersTest(harness.Test):
    def default_users(self):
        """What --help says of the options user, capture_user and serve_user."""
        found = []
        for name in UNITS:
            found += re.findall(r"^  --(?:\w+-)?user NAME\n.*\[(.*)\]$", help_of(name), re.M)
        return sorted(found)

    def test_the_users_of_the_roles_are_made(self):
        harness.require_program("systemd-sysusers")
        harness.require_root()
        os.makedirs(self.path("root/etc"))
        code, said = run("systemd-sysusers", "--root=" + self.path("root"),
                         os.path.join(harness.SOURCE, "systemd", "softdatadiode.sysusers"))
        self.assertEqual(code, 0, said)
        made = [line.split(":") for line in read(self.path("root/etc/passwd")).splitlines()]
        self.assertEqual(sorted(fields[0] for fields in made), self.default_users())
        for fields in made:
            self.assertRegex(fields[6], "/nologin$")
        self.assertEqual(len({fields[2] for fields in made}), 4)
        self.assertEqual(len({fields[3] for fields in made}), 4, "no two have a group in common")


class CapabilitiesTest(harness.Test):
    """The daemons run with just those powers of root that their units leave them."""

    def setUp(self):
        super().setUp()
        harness.require_root()
        harness.require_program("setpriv")

    def limited(self, name, *arguments, kind=harness.Daemon):
        granted = setting(unit(name), "CapabilityBoundingSet").lower().split()
        bounding = ",".join(["-all"] + ["+" + c.removeprefix("cap_") for c in granted])
        return kind(self, ["setpriv", "--no-new-privs", "--bounding-set", bounding, harness.program(name), *arguments], name=name)

    def user_of(self, name):
        """Its number; where it is missing, that which takes its place."""
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return 1879048447 - ("ddsend", "ddsend-capture", "ddrecv", "ddrecv-serve").index(name)

    def test_a_picture_arrives(self):
        os.mkdir(self.path("home"), 0o700)
        key = self.key_file("home/stream.key")
        os.chown(self.path("home"), pwd.getpwnam("daemon").pw_uid, -1)  # DAC_READ_SEARCH
        port = harness.free_port(socket.SOCK_DGRAM)
        receiver = self.limited("ddrecv", "--udp-host", "127.0.0.1", "--udp-port", port, "--key-file", key, "--http-port",
                                harness.free_port(), kind=harness.Receiver)
        receiver.http_port = receiver.arguments[-1]
        self.wait_healthy(receiver)
        sender = self.limited("ddsend", "--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file", key,
                              "--interval", "0.1", "--state-dir", self.path("send-state"))
        receiver.wait_live()
        users = {**sender.wait_roles("transmit", "capture stream"), **receiver.wait_roles("intake", "serve")}
        for title, user in (("transmit", "ddsend"), ("capture stream", "ddsend-capture"), ("intake", "ddrecv"),
                            ("serve", "ddrecv-serve")):
            status = read(f"/proc/{users[title]}/status")
            self.assertEqual(re.search(r"^Uid:\s+(.*)$", status, re.M).group(1).split(), [str(self.user_of(user))] * 4, title)
            self.assertRegex(status, r"(?m)^CapPrm:\s+0+$", title)
            self.assertRegex(status, r"(?m)^CapEff:\s+0+$", title)
        for daemon in (sender, receiver):
            self.assertEqual(daemon.stop(), 0, "roles of other users are stopped")
            self.assertNotRegex(daemon.log(), "ermitted|receive buffer")

    def test_the_socket_of_http_belongs_to_serve(self):
        path = self.path("http.sock")
        daemon = self.limited("ddrecv", "--udp-host", "127.0.0.1", "--udp-port", harness.free_port(socket.SOCK_DGRAM), "--key-file",
                              self.key_file(), "--http-host", "unix:" + path)
        daemon.wait_roles("intake", "serve")
        self.assertEqual(os.stat(path).st_uid, self.user_of("ddrecv-serve"))


class ExamplesTest(harness.Test):
    def examples(self):
        return sorted(glob.glob(os.path.join(harness.SOURCE, "config", "*.json")))

    def place(self, path):
        """A copy with files of the test in it, and with addresses whose route has a known MTU. As installed, everyone can read it:
        secrets are in other files."""
        text = read(path)
        for option, value in set(re.findall(r'"(key_file|password_file|password|ca_file)": "([^"]+)"', text)):
            name = os.path.basename(value)
            if option == "key_file":
                made = self.key_file(name)
            elif option == "ca_file":
                made = certificates.Authority(self).ca
            else:
                made = self.write(name, "8 bytes\n")  # as good as what vncpasswd writes
            text = text.replace(f'"{value}"', f'"{made}"')
        text = text.replace("192.0.2.10", "127.0.0.1").replace("192.0.2.11", "127.0.0.2")
        return self.write(os.path.basename(path), text, 0o644)

    def test_the_daemons_take_them(self):
        self.assertGreaterEqual(len(self.examples()), 4)
        for path in self.examples():
            program = os.path.basename(path).partition(".")[0].partition("-")[0]
            code, out, log = self.run_program(program, "--config", self.place(path), "--check-config")
            self.assertEqual(code, 0, f"{path}:\n{out}{log}")
            self.assertNotIn("no effect", log, path)

    def test_both_ends_fit(self):
        """The receiver's file has the sender's streams, with their keys and ports."""
        ends = []
        for name in UNITS:
            text = read(os.path.join(harness.SOURCE, "config", name + ".json"))
            streams = json.loads(re.sub(r"(^|\s)//.*", "", text, flags=re.M))["streams"]
            ends.append({stream: (s["key_file"], s.get("cloud_port") or s["udp_port"]) for stream, s in streams.items()})
        self.assertEqual(*ends)


class NginxTest(harness.Test):
    def validate(self, text):
        harness.require_program("nginx")
        certificate, key = certificates.self_signed(self, "site")
        folder = "/etc/letsencrypt/live/pictures.example.com"
        text = text.replace(f"{folder}/fullchain.pem", certificate).replace(f"{folder}/privkey.pem", key)
        text = text.replace("443 ssl", f"{harness.free_port()} ssl")  # it tries to open them
        path = self.write("nginx.conf", proxies.nginx_config(self, text))
        code, said = run("nginx", "-t", "-e", "stderr", "-p", self.folder, "-c", path)
        self.assertEqual(code, 0, said)
        self.assertNotRegex(said, r"\[(warn|error|emerg)\]")

    def test_nginx_takes_it(self):
        self.validate(proxies.shipped("nginx.conf"))

    def test_nginx_takes_what_is_commented_out(self):
        """The sub-path, in place of the location of the whole site."""
        text = proxies.shipped("nginx.conf")
        block = re.search(r"^    # location = .*^    # }$", text, re.M | re.S).group()
        whole = re.search(r"^    location / {.*?^    }$", text, re.M | re.S).group()
        self.validate(text.replace(whole, re.sub(r"^    # ?", "    ", block, flags=re.M)))


class CaddyTest(harness.Test):
    def caddy(self, *arguments):
        harness.require_program("caddy")
        return run("caddy", *arguments, env=self.home())

    def home(self):
        return {"HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}

    def validate(self, text):
        code, said = self.caddy("validate", "--adapter", "caddyfile", "--config", self.write("Caddyfile", text))
        self.assertEqual(code, 0, said)
        self.assertNotRegex(said, '"level":"(warn|error)"')

    def test_caddy_takes_it(self):
        self.validate(read(CADDYFILE))

    def test_caddy_takes_what_is_commented_out(self):
        """The sub-path, in place of the whole site."""
        text = read(CADDYFILE)
        start, end = text.index("\t# redir"), text.rindex("}")
        sub_path = re.sub(r"^\t# ?", "\t", text[start:end], flags=re.M)
        head, _, rest = text[:start].partition("\treverse_proxy")
        self.assertTrue(rest)
        self.validate(head + sub_path + "}\n")

    def test_caddy_takes_what_the_readme_shows(self):
        shown = re.findall(r"^```caddyfile\n(.*?)^```$", read(os.path.join(harness.SOURCE, "README.md")), re.M | re.S)
        self.assertEqual(len(shown), 1)
        self.validate(self.caddy_format(shown[0]))

    def caddy_format(self, text):
        """The README has no tabs, which Caddy would warn of."""
        code, formatted = self.caddy("fmt", self.write("Caddyfile", text))
        self.assertNotEqual(formatted, "", code)
        return formatted

    def test_it_is_formatted(self):
        self.assertEqual(self.caddy("fmt", CADDYFILE)[1], read(CADDYFILE))

    def proxy(self, http_port):
        """Caddy with our file, in front of that port, at https://localhost with the password "Sesame": its port."""
        harness.require_program("caddy")
        text, port = read(CADDYFILE), harness.free_port()
        code, hashed = self.caddy("hash-password", "--plaintext", "Sesame")
        self.assertEqual(code, 0, hashed)
        text = re.sub(r"viewer \$2a\S+", lambda _: "viewer " + hashed.strip(), text)
        text = text.replace("pictures.example.com {", f"https://localhost:{port} {{\n\ttls internal")
        text = text.replace("unix//run/ddrecv/http.sock", f"127.0.0.1:{http_port}")
        options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
        harness.Process(self, ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", options + text)],
                        env=self.home())
        harness.wait_until(lambda: self.curl(port, "/healthz")[0] == 0, 20, "Caddy")
        return port

    def curl(self, port, path, *arguments, user="viewer:Sesame"):
        """(exit code, status and version of HTTP)"""
        done = subprocess.run(["curl", "-s", "-k", "-m", "20", "-o", self.path("got"), "-w", "%{http_code} %{http_version}", "-u",
                               user, *arguments, f"https://localhost:{port}{path}"], stdout=subprocess.PIPE, text=True, timeout=30)
        return done.returncode, done.stdout

    def test_live_pictures_with_a_password(self):
        harness.require_program("curl")
        key, udp_port = self.key_file(), harness.free_port(socket.SOCK_DGRAM)
        receiver = self.receiver_stream(udp_port, key)
        self.card(udp_port, key)
        receiver.wait_live()
        port = self.proxy(receiver.http_port)
        self.assertEqual(self.curl(port, "/stream/stream", user="viewer:wrong"), (0, "401 2"))
        for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
            self.assertEqual(self.curl(port, "/stream/snapshot.jpg", flag), (0, f"200 {version}"))
            with open(self.path("got"), "rb") as f:
                self.assertEqual(harness.jpeg_size(f.read()), (320, 240))
            self.look(receiver, port, flag)

    def look(self, receiver, port, flag):
        """A viewer who sees the pictures move while they are made, and then goes away."""
        viewer = harness.Process(self, ["curl", "-s", "-k", "-N", flag, "-u", "viewer:Sesame", "-o", self.path("live"),
                                        f"https://localhost:{port}/stream/stream"])

        def newest():
            with open(self.path("live"), "rb") as f:
                return max(map(int, re.findall(rb"\r\nX-Frame: (\d+)\r\n", f.read())), default=0)
        harness.wait_until(lambda: os.path.exists(self.path("live")) and newest(), 10, "a picture")
        for _ in range(5):
            wanted = receiver.freshness()["frame"]
            self.assertEqual(receiver.stats()["viewers"], 1)
            harness.wait_until(lambda: newest() >= wanted, 2, lambda: f"frame {wanted} behind Caddy, there is {newest()}")
        viewer.stop()
        os.remove(self.path("live"))
        receiver.wait_stats(lambda s: s["viewers"] == 0, 10, "an end of the viewer who has gone")


if __name__ == "__main__":
    harness.main()

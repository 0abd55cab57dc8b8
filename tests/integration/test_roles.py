"""The supervisors and their roles: what each role holds, and what happens when one dies."""
import base64
import contextlib
import ctypes
import fcntl
import hashlib
import hmac
import os
import pwd
import re
import signal
import socket
import struct
import subprocess
import sys
import time

import harness

PASSWORD = "Sesame-open-3141"
SYS_PIDFD_GETFD = 438
EVENTFD_BRIM = 2**64 - 2  # eventfd(2)
F_ADD_SEALS, F_SEAL_FUTURE_WRITE = 1033, 16  # fcntl(2)


class RolesTest(harness.Test):
    def start(self, names=("one", "two"), **options):
        """Both daemons, by files, with a stream of the test card for each name."""
        self.names = names
        self.keys = {name: harness.new_key() for name in names}
        self.port = harness.free_port(socket.SOCK_DGRAM)
        self.receiver_streams = {name: {"udp_host": "127.0.0.1", "udp_port": self.port, "key": self.keys[name], "live_seconds": 1}
                                 for name in names}
        self.sender_streams = {name: {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": self.port, "key": self.keys[name],
                                      "interval": 0.1, "capture_resolution": "320x240", **options} for name in names}
        self.receiver = self.receiver_config(self.receiver_streams)
        self.sender = self.sender_config(self.sender_streams)
        self.sender_roles = self.sender.wait_roles("transmit", *("capture " + name for name in names))
        self.receiver_roles = self.receiver.wait_roles("intake", "serve")
        for name in names:
            self.receiver.wait_live(name)

    def wait_new_picture(self, name, timeout, after=None):
        """Waits for a picture that was not there yet."""
        if after is None:
            after = self.receiver.freshness(name)["frame"]
        self.receiver.wait_freshness(lambda f: f["frame"] and f["frame"] > after and f["state"] == "live", timeout, "a new picture",
                                     name)

    def everyone(self):
        """{what: pid} of both daemons."""
        found = {}
        for daemon in (self.sender, self.receiver):
            found[daemon.name] = daemon.pid
            found.update({f"{daemon.name}: {title}": pid for title, pid in daemon.roles().items()})
        return found

    def assert_gone(self, pids, timeout=3):
        harness.wait_until(lambda: not any(harness.alive(pid) for pid in pids), timeout,
                           lambda: f"an end of {[(p, harness.title(p)) for p in pids if harness.alive(p)]}")


class StructureTest(RolesTest):
    def test_roles_were_executed_again(self):
        """The kernel gives each execution 16 random bytes; a process that was only forked has its parent's."""
        harness.require_root()
        self.start()
        everyone = self.everyone()
        for what, pid in everyone.items():
            self.assertEqual(os.readlink(f"/proc/{pid}/exe"), os.path.realpath(harness.program(what.split(":")[0])))
        self.assertEqual(len({self.random_bytes(pid) for pid in everyone.values()}), len(everyone))

    @staticmethod
    def random_bytes(pid):
        """What AT_RANDOM of getauxval(3) points to."""
        with open(f"/proc/{pid}/auxv", "rb") as auxv, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            places = dict(struct.iter_unpack("@LL", auxv.read()))
            return os.pread(memory.fileno(), 16, places[25])

    def test_roles_have_the_descriptors_that_they_need(self):
        self.start()
        udp = self.sockets("udp", "udp6")
        tcp = self.sockets("tcp", "tcp6")
        expected = {"ddsend: transmit": (1, 0), "ddsend: capture one": (0, 0), "ddsend: capture two": (0, 0),
                    "ddrecv: intake": (1, 0), "ddrecv: serve": (0, 1)}
        for what, pid in self.everyone().items():
            if what not in expected:
                continue
            links = {}
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    links[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
                except FileNotFoundError:
                    pass  # a connection that just ended
            inodes = {link[8:-1] for link in links.values() if link.startswith("socket:[")}
            self.assertEqual(len(inodes & udp), expected[what][0], f"UDP sockets of {what}: {links}")
            self.assertGreaterEqual(len(inodes & tcp), expected[what][1], f"TCP sockets of {what}: {links}")
            if not expected[what][1]:
                self.assertEqual(len(inodes & tcp), 0, f"TCP sockets of {what}: {links}")
            self.assertEqual(links[0], "/dev/null")
            for link in links.values():
                self.assertNotIn("ddsend.json", link)
                self.assertNotIn("ddrecv.json", link)

    @staticmethod
    def sockets(*tables):
        inodes = set()
        for table in tables:
            with open(f"/proc/net/{table}") as f:
                inodes |= {line.split()[9] for line in f.readlines()[1:]}
        return inodes

    def test_nothing_can_be_delivered_to_transmit(self):
        self.start(("one",))
        pid = self.sender_roles["transmit"]
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}")[8:-1] for fd in os.listdir(f"/proc/{pid}/fd")
                  if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:[")}

        def rows():
            with open("/proc/net/udp") as f:
                return [r.split() for r in f.readlines()[1:] if r.split()[9] in inodes]
        row, = rows()
        port = int(row[1].split(":")[1], 16)
        self.assertNotEqual(port, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            for _ in range(1000):
                attacker.sendto(b"let me in" * 100, ("127.0.0.1", port))
        row, = rows()
        self.assertEqual(row[4].split(":")[1], "00000000", "bytes wait in its receive queue")
        self.wait_new_picture("one", 5)

    def test_users(self):
        """Each role has a user of its own, and where that is missing, a uid of its own: never nobody, which others may have."""
        harness.require_root()
        self.start(("one",))
        uids = {what: self.uids(pid) for what, pid in self.everyone().items()}
        roles = ("ddsend: transmit", "ddsend: capture one", "ddrecv: intake", "ddrecv: serve")
        for what in roles:
            self.assertNotIn(0, uids[what], what)
            self.assertNotIn(pwd.getpwnam("nobody").pw_uid, uids[what], what)
            self.assertEqual(len(uids[what]), 1, what)
        self.assertEqual(len(set.union(*(uids[what] for what in roles))), len(roles), uids)
        for daemon, names in ((self.sender, ("ddsend", "ddsend-capture")), (self.receiver, ("ddrecv", "ddrecv-serve"))):
            for name in names:
                try:
                    pwd.getpwnam(name)
                except KeyError:
                    daemon.wait_log(rf"warning: there is no user {name}: uid \d+ takes its place; .*useradd .* {name}$")

    def test_one_user_for_all_is_refused(self):
        harness.require_root()
        self.refused("ddsend", "--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", 5005, "--key-file", self.key_file(),
                     "--state-dir", self.path("state"), "--user", "daemon", "--capture-user", "daemon",
                     names=["user .daemon. and capture_user .daemon. are the same"])

    def test_a_container_without_uids_is_refused(self):
        """Its only user is root: the roles could not become anybody."""
        harness.require_root()
        done = subprocess.run(["unshare", "--user", "--map-root-user", harness.program("ddsend"), "--mode", "test", "--cloud-ip",
                               "127.0.0.1", "--cloud-port", "5005", "--key-file", self.key_file(), "--state-dir",
                               self.path("state")], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        if done.stderr.startswith("unshare: "):
            harness.skip("needs user namespaces")
        self.assertGreater(done.returncode, 0)
        self.assertRegex(done.stderr, "there is no user ddsend to run as, and this container maps no spare uid|does not map")

    @staticmethod
    def uids(pid):
        with open(f"/proc/{pid}/status") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        return {int(x) for x in status["Uid"].split()} | ({0} if "0" in status.get("Groups", "").split() else set())

    def test_users_that_are_set(self):
        harness.require_root()
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        receiver = self.receiver_stream(port, key, "--user", "daemon", "--serve-user", "bin")
        sender = self.card(port, key, "--user", "daemon", "--capture-user", "bin")
        receiver.wait_live()
        wanted = {"transmit": "daemon", "capture stream": "bin", "intake": "daemon", "serve": "bin"}
        for title, pid in {**sender.roles(), **receiver.roles()}.items():
            self.assertEqual(self.uids(pid), {pwd.getpwnam(wanted[title]).pw_uid}, title)

    def test_roles_are_not_dumpable(self):
        """The files of a process in /proc belong to root, not to its user, when it is not dumpable."""
        harness.require_root()
        self.start(("one",))
        for what, pid in self.everyone().items():
            if ":" in what:
                self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0, what)
                self.assertNotEqual(self.uids(pid), {0}, what)
            with open(f"/proc/{pid}/limits") as f:
                core = next(line for line in f if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4], "0", what)


class MemoryTest(RolesTest):
    """Who holds which secret. Needs root, as the roles hide."""

    def needles(self, key):
        """A key raw and in base64, and what only transmit and intake may derive from it."""
        raw = base64.b64decode(key)
        return {"key": raw, "base64": key.rstrip("=").encode(), "PRK": hmac.digest(b"softdatadiode v1", raw, hashlib.sha256)}

    def check(self, pids, secrets, allowed):
        """None of the secrets (a dict) is in any of the processes (a dict), those where allowed(what, secret) aside."""
        found = {}
        for what, pid in pids.items():
            held = harness.memory_holds(pid, list(secrets.values()))
            found[what] = {name for name, value in secrets.items() if value in held}
        for what, held in found.items():
            self.assertEqual({s for s in held if not allowed(what, s)}, set(), f"secrets in the memory of {what}")
        return found

    def test_keys(self):
        harness.require_root()
        self.start()
        secrets = {f"{kind} of {name}": value for name, key in self.keys.items() for kind, value in self.needles(key).items()}
        found = self.check(self.everyone(), secrets, lambda what, _: what in ("ddsend: transmit", "ddrecv: intake"))
        for what in ("ddsend: transmit", "ddrecv: intake"):  # the scan does find things
            for name in self.names:
                self.assertIn(f"PRK of {name}", found[what])

    def test_keys_of_flags_and_files(self):
        harness.require_root()
        port, key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        self.receiver = self.receiver("--udp-host", "127.0.0.1", "--udp-port", port, "--key", key)
        self.sender = self.card(port, self.key_file(key=key))
        self.receiver.wait_live()
        self.check(self.everyone(), self.needles(key), lambda what, _: what in ("ddsend: transmit", "ddrecv: intake"))

    def test_passwords(self):
        harness.require_root()
        port = harness.free_port(socket.SOCK_DGRAM)
        passwords = {"one": "Sesame-open-3141", "two": "Xyzzy/plugh-2718", "three": "Abrakadabra-1618", "four": "Hocus+pocus-4142"}
        camera = f"127.0.0.1:{harness.free_port()}/x"
        key = harness.new_key()
        common = {"mode": "rtsp", "cloud_ip": "127.0.0.1", "cloud_port": port, "key": key, "interval": 0.1}
        self.sender = self.sender_config({
            "one": {**common, "stream_id": "1", "source": f"rtsp://viewer:{passwords['one']}@{camera}"},
            "two": {**common, "stream_id": "2", "source": f"rtsp://{camera}", "username": "viewer", "password": passwords["two"]},
            "three": {**common, "stream_id": "3", "source": f"rtsp://{camera}", "username": "viewer",
                      "password_file": self.write("password", passwords["three"] + "\n")},
            "four": {**common, "stream_id": "4", "source": f"rtsp://viewer:{passwords['four'].replace('+', '%2B')}@{camera}"}})
        self.sender.wait_roles("transmit", "capture one", "capture two", "capture three", "capture four")
        self.sender.wait_log("capture four.*(refused|unreachable|cannot)", 20)
        self.receiver = None
        pids = {"ddsend": self.sender.pid, **self.sender.roles()}
        secrets = {name: value.encode() for name, value in passwords.items()}
        secrets["four, encoded"] = passwords["four"].replace("+", "%2B").encode()
        found = self.check(pids, secrets, lambda what, secret: what == "capture " + secret.split(",")[0])
        self.assertIn("one", found["capture one"])
        self.assertIn("two", found["capture two"])


class DeathTest(RolesTest):
    def test_a_killed_capture_is_back_within_3_s(self):
        self.start()
        pid = self.sender_roles["capture one"]
        before = self.receiver.freshness("one")["frame"]
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        self.sender.wait_role_replaced("capture one", pid, 3)
        self.receiver.wait_freshness(lambda f: f["source"] == "ok" and f["frame"] > before + 5, 5, "new pictures", "one")
        self.assertLess(time.monotonic() - begin, 4 * harness.stretch())
        self.assertEqual(self.sender.roles()["transmit"], self.sender_roles["transmit"])
        self.assertEqual(self.sender.roles()["capture two"], self.sender_roles["capture two"])
        self.sender.wait_log("capture one.*(signal|kill|SIGKILL)")

    def test_a_capture_that_dies_is_told_meanwhile(self):
        self.start()
        os.kill(self.sender_roles["capture one"], signal.SIGKILL)
        # it stays dead for a second at least
        self.receiver.wait_freshness(lambda f: f["source"] == "failed", 1, "a failed source", "one")
        fresh = self.receiver.wait_freshness(lambda f: f["state"] != "live" or f["source"] == "ok", 20, "a cause", "one")
        if fresh["state"] != "live":
            self.assertEqual(fresh["reason"], "capture is being restarted")
        self.assertEqual(self.receiver.freshness("two")["state"], "live")
        self.receiver.wait_freshness(lambda f: f["state"] == "live" and f["source"] == "ok", 10, "a live picture", "one")

    def test_a_hung_capture_is_replaced(self):
        self.start()
        pid = self.sender_roles["capture two"]
        os.kill(pid, signal.SIGSTOP)
        self.sender.wait_role_replaced("capture two", pid, 15)
        self.assert_gone([pid])
        self.wait_new_picture("two", 10)
        self.assertEqual(self.sender.roles()["capture one"], self.sender_roles["capture one"])

    def test_a_heartbeat_of_a_dead_role_is_not_one_of_the_next(self):
        """One that was taken over claims to be alive for ever, and the supervisor, which was away, forgives what it can."""
        harness.require_root()
        self.start(names=("one",))
        first = self.sender_roles["capture one"]
        pulse = self.steal(first, "/memfd:dd-pulse")
        os.kill(first, signal.SIGSTOP)
        harness.wait_until(lambda: harness.process_state(first) == "T", 5, "the role to stand still")
        os.pwrite(pulse, (1 << 62).to_bytes(8, sys.byteorder), 0)
        os.close(pulse)
        os.kill(self.sender.pid, signal.SIGSTOP)
        begin = time.monotonic()
        harness.wait_until(lambda: time.monotonic() >= begin + 2, 5, "time")
        os.kill(self.sender.pid, signal.SIGCONT)
        self.sender.wait_log("stood still for")
        os.kill(first, signal.SIGKILL)
        self.sender.wait_role_replaced("capture one", first, 5)
        self.wait_new_picture("one", 10)
        second = self.sender.roles()["capture one"]
        os.kill(second, signal.SIGSTOP)
        self.sender.wait_role_replaced("capture one", second, 15)

    def test_a_killed_serve_is_back_within_3_s(self):
        self.start()
        pid = self.receiver_roles["serve"]
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        self.assert_gone([pid])
        self.wait_healthy(self.receiver, 3)
        self.assertLess(time.monotonic() - begin, 3 * harness.stretch())
        self.assertEqual(self.receiver.roles()["intake"], self.receiver_roles["intake"])
        fresh = self.receiver.freshness("one")
        self.assertEqual(fresh["state"], "live")
        self.assertGreater(len(self.receiver.json("/one/frames")["frames"]), 1, "the pictures outlive it")

    def test_a_hung_serve_is_replaced(self):
        self.start()
        pid = self.receiver_roles["serve"]
        os.kill(pid, signal.SIGSTOP)
        self.receiver.wait_role_replaced("serve", pid, 15)
        self.assert_gone([pid])
        self.wait_healthy(self.receiver)
        self.wait_new_picture("one", 5)

    def check_essential(self, daemon, title, number):
        roles = daemon.roles()
        os.kill(roles[title], number)
        code = daemon.wait(15)
        self.assertGreater(code, 0)
        daemon.wait_log(rf"\b{title}\b")
        self.assert_gone(roles.values())

    def test_the_death_of_transmit_ends_the_daemon(self):
        self.start()
        self.check_essential(self.sender, "transmit", signal.SIGKILL)

    def test_the_death_of_intake_ends_the_daemon(self):
        self.start()
        self.check_essential(self.receiver, "intake", signal.SIGKILL)

    def test_a_hung_transmit_ends_the_daemon(self):
        self.start()
        self.check_essential(self.sender, "transmit", signal.SIGSTOP)

    def test_a_hung_intake_ends_the_daemon(self):
        self.start()
        self.check_essential(self.receiver, "intake", signal.SIGSTOP)

    def test_a_capture_that_spoiled_what_it_shares_is_healed(self):
        """Filled to the brim, an eventfd takes no wake-up any more, and who writes to it waits for ever. The supervisor leaves it
        alone, and the next capture mends it. One stream only: the wake-ups of others would hide it. A ring sealed against writers
        would keep out the next capture, but takes no more seals."""
        harness.require_root()
        self.start(names=("one",))
        pid = self.sender_roles["capture one"]
        stolen, ring = self.steal(pid, "anon_inode:[eventfd]"), self.steal(pid, "/memfd:dd-ring")
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(ring, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)
        os.close(ring)
        os.kill(pid, signal.SIGSTOP)
        harness.wait_until(lambda: harness.process_state(pid) == "T", 5, "the role to stand still")
        os.set_blocking(stolen, True)
        os.write(stolen, (EVENTFD_BRIM - self.eventfd_count(stolen)).to_bytes(8, "little"))
        os.kill(pid, signal.SIGKILL)
        seen = set()

        def replaced():
            count = self.eventfd_count(stolen)
            new = self.sender.roles().get("capture one") not in (None, pid)
            if not new:
                seen.add(count)
            return new
        harness.wait_until(replaced, 5, "another capture")
        self.assertEqual(seen, {EVENTFD_BRIM}, "only capture uses the wake-up")
        before = self.receiver.stats("one")["total"]["frames_complete"]
        begin = time.monotonic()
        self.receiver.wait_stats(lambda s: s["total"]["frames_complete"] >= before + 30, 10, "30 pictures", "one")
        self.assertLess(time.monotonic() - begin, 5.5 * harness.stretch(), "ten a second again")
        self.assertFalse(os.get_blocking(stolen))
        os.close(stolen)

    @staticmethod
    def steal(pid, link):
        """A descriptor of what the role has under this name, as an attacker has it who took the role over."""
        libc = ctypes.CDLL(None, use_errno=True)
        pidfd = os.pidfd_open(pid)
        wake = next(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")
                    if int(fd) >= 4 and os.readlink(f"/proc/{pid}/fd/{fd}").startswith(link))
        stolen = libc.syscall(SYS_PIDFD_GETFD, pidfd, wake, 0)
        if stolen < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        os.close(pidfd)
        return stolen

    @staticmethod
    def eventfd_count(fd):
        with open(f"/proc/self/fdinfo/{fd}") as f:
            return int(re.search(r"eventfd-count:\s*([0-9a-f]+)", f.read()).group(1), 16)

    def test_no_role_outlives_its_supervisor(self):
        self.start()
        for daemon in (self.sender, self.receiver):
            roles = daemon.roles()
            daemon.popen.kill()
            self.assertEqual(daemon.wait(), -signal.SIGKILL)
            self.assert_gone(roles.values())


class PauseTest(RolesTest):
    def test_a_pause_of_everything_is_no_fault_of_a_role(self):
        """As a stalled hypervisor, a frozen control group and a suspended machine do it: everything stops for longer than a
        heartbeat counts, and goes on. No role is killed, and no source is called failed."""
        self.start()
        before = self.everyone()
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in before.values():
                os.kill(pid, number)
            if number == signal.SIGSTOP:
                begin = time.monotonic()
                harness.wait_until(lambda: time.monotonic() >= begin + 4, 5, "time")
        for daemon in (self.sender, self.receiver):
            daemon.wait_log(r"stood still for ([3-9]|\d\d+)\.\d s")
        for name in self.names:
            self.wait_new_picture(name, 5)
        self.assertEqual(self.everyone(), before)
        for daemon in (self.sender, self.receiver):
            self.assertNotRegex(daemon.log(), "hangs|killed|starting it again|lost: ")


class LogTest(RolesTest):
    """What a role writes to its standard error, as an attacker does who has taken it over. Needs root to write there."""

    def standard_error(self, title):
        harness.require_root()
        fd = os.open(f"/proc/{self.sender.roles()[title]}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        return fd

    def test_a_role_speaks_for_itself_only(self):
        self.start()
        fd = self.standard_error("capture one")
        os.write(fd, b"2026-01-01T00:00:00.000Z ddsend: transmit: forged\n<4>be\xc2\x9bware\r\nof a library\n")
        self.sender.wait_log("of a library$")
        for line in ("capture one: 2026-01-01T00:00:00.000Z ddsend: transmit: forged", "capture one: warning: be\\?\\?ware\\?",
                     "capture one: of a library"):
            self.assertRegex(self.sender.log(), rf"(?m)^20\S+Z ddsend: {line}$")
        self.assertEqual(self.sender.log().count("\ufffd"), 0)

    def test_last_words(self):
        self.start()
        os.write(self.standard_error("capture one"), b"Assertion of ours: no end of line")
        os.kill(self.sender_roles["capture one"], signal.SIGKILL)
        self.sender.wait_log(r"capture one: Assertion of ours: no end of line\n.*\n?.*capture one was killed by signal 9")

    def test_a_flood_fills_no_log_and_holds_nobody_up(self):
        self.start()
        fd = self.standard_error("capture one")
        line = b"<3>" + b"x" * 200 + b"\n"
        before, deadline = len(self.sender.log()), time.monotonic() + 4
        pid, flooded = self.sender_roles["capture two"], 0
        os.kill(pid, signal.SIGKILL)
        while time.monotonic() < deadline:
            try:
                flooded += os.write(fd, line * 10)
            except BlockingIOError:
                time.sleep(0.001)
        self.sender.wait_role_replaced("capture two", pid, 3)
        self.assertGreater(flooded, 150000)
        self.assertLess(len(self.sender.log()) - before, 500000)
        self.wait_new_picture("one", 5)
        begin = time.monotonic()
        self.sender.send_signal(signal.SIGTERM)
        self.assertEqual(self.sender.wait(), 0)
        self.assertLess(time.monotonic() - begin, 2 * harness.stretch())
        self.assertRegex(self.sender.log(), r"capture one: warning: \d+ lines were left out here: it logs too much")


class StopTest(RolesTest):
    def check_stop(self, daemon, number):
        roles = daemon.roles()
        begin = time.monotonic()
        daemon.send_signal(number)
        self.assertEqual(daemon.wait(), 0)
        self.assertLess(time.monotonic() - begin, 2 * harness.stretch(), f"{daemon.name} took too long to stop")
        self.assert_gone(roles.values(), 0)
        self.assertEqual(self.left_behind(), {})

    def test_sigterm(self):
        self.start()
        viewers = [harness.Mjpeg(self.receiver.http_port, "/one/stream") for _ in range(5)]
        for viewer in viewers:
            next(viewer)
            self.addCleanup(viewer.close)
        self.check_stop(self.sender, signal.SIGTERM)
        self.check_stop(self.receiver, signal.SIGTERM)
        with socket.create_server(("127.0.0.1", self.receiver.http_port)):
            pass  # the port is free again

    def test_sigint(self):
        self.start()
        self.check_stop(self.sender, signal.SIGINT)
        self.check_stop(self.receiver, signal.SIGINT)

    def test_while_a_role_hangs(self):
        self.start()
        os.kill(self.sender_roles["capture one"], signal.SIGSTOP)
        os.kill(self.receiver_roles["serve"], signal.SIGSTOP)
        self.check_stop(self.sender, signal.SIGTERM)
        self.check_stop(self.receiver, signal.SIGTERM)

    def test_a_terminal_that_sends_it_to_all(self):
        """Ctrl-C reaches every process of the group."""
        self.start()
        for daemon in (self.sender, self.receiver):
            roles = daemon.roles()
            for pid in (*roles.values(), daemon.pid):
                os.kill(pid, signal.SIGINT)
            self.assertEqual(daemon.wait(), 0)
            self.assert_gone(roles.values(), 0)


class ReloadTest(RolesTest):
    def rewrite(self, daemon):
        if daemon is self.sender:
            config = {"sender": {"state_dir": self.path("send-state")}, "streams": self.sender_streams}
        else:
            config = {"server": {"state_dir": self.path("recv-state")}, "streams": self.receiver_streams}
        self.write_json(f"{daemon.name}.json", config)

    def test_a_changed_stream(self):
        self.start()
        self.sender_streams["one"]["capture_resolution"] = "160x120"
        self.rewrite(self.sender)
        self.sender.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: harness.jpeg_size(self.receiver.get("/one/snapshot.jpg").body) == (160, 120), 10, "the new size")
        self.assertEqual(harness.jpeg_size(self.receiver.get("/two/snapshot.jpg").body), (320, 240))
        self.wait_new_picture("two", 10)

    def test_streams_come_and_go(self):
        self.start()
        new = harness.new_key()
        self.sender_streams["three"] = {**self.sender_streams.pop("two"), "key": new}
        self.receiver_streams["three"] = {**self.receiver_streams.pop("two"), "key": new}
        for daemon in (self.receiver, self.sender):
            self.rewrite(daemon)
            daemon.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: (self.receiver.try_json("/three/freshness") or {}).get("state") == "live", 15, "the new stream")
        self.assertEqual(self.receiver.get("/two/freshness").status, 404)
        self.wait_new_picture("one", 10)
        self.sender.wait_roles("transmit", "capture one", "capture three")

    def test_a_wrong_file_is_refused(self):
        self.start()
        roles = self.everyone()
        for daemon in (self.sender, self.receiver):
            self.write(f"{daemon.name}.json", '{"streams": {"one": {"interval": "soon", "live_seconds": "soon"}}}')
            daemon.send_signal(signal.SIGHUP)
            daemon.wait_log(f"{daemon.name}.json.*(interval|live_seconds)")
        self.wait_new_picture("one", 5)
        self.assertEqual(self.everyone(), roles)
        os.unlink(self.path("ddsend.json"))
        self.sender.send_signal(signal.SIGHUP)
        self.sender.wait_log("ddsend.json.*No such file")
        self.wait_new_picture("two", 5)

    def test_sockets_that_cannot_be_are_refused(self):
        self.start()
        roles = self.everyone()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            self.receiver_streams["two"]["udp_port"] = taken.getsockname()[1]
            self.rewrite(self.receiver)
            self.write_json("ddsend.json", {"sender": {"bind_address": "192.0.2.1"}, "streams": self.sender_streams})
            for daemon in (self.sender, self.receiver):
                daemon.send_signal(signal.SIGHUP)
                daemon.wait_log("refused; going on with the old one")
            self.wait_new_picture("one", 5)
        self.assertEqual(self.everyone(), roles)

    @staticmethod
    def was_asked_to_stop(pid):
        """True if SIGTERM waits for a process that stands still."""
        with open(f"/proc/{pid}/status") as f:
            pending = int(re.search(r"^ShdPnd:\s*([0-9a-f]+)", f.read(), re.M).group(1), 16)
        return bool(pending >> (signal.SIGTERM - 1) & 1)

    def test_a_stop_while_old_roles_hang(self):
        self.start()
        roles = self.sender.roles()
        for pid in roles.values():
            os.kill(pid, signal.SIGSTOP)
        self.sender.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: all(self.was_asked_to_stop(pid) for pid in roles.values()), 5, "the reload to end the old roles")
        begin = time.monotonic()
        self.sender.send_signal(signal.SIGTERM)
        self.sender.wait()
        self.assertLess(time.monotonic() - begin, 2 * harness.stretch(), "all are waited for together")
        self.assert_gone(roles.values(), 0)

    def test_a_stop_in_the_middle(self):
        self.start()
        for daemon in (self.sender, self.receiver):
            roles = daemon.roles()
            daemon.send_signal(signal.SIGHUP)
            harness.wait_until(lambda: daemon.roles() != roles, 10, "the old roles to end")
            begin = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0, "asked to stop, it succeeds")
            self.assertLess(time.monotonic() - begin, 2 * harness.stretch())

    def test_without_a_file(self):
        port, key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        self.receiver = self.receiver_stream(port, key)
        self.sender = self.card(port, key)
        self.receiver.wait_live()
        for daemon in (self.sender, self.receiver):
            daemon.send_signal(signal.SIGHUP)
        self.wait_new_picture("stream", 10)
        self.assertTrue(self.sender.running() and self.receiver.running())


class ServiceManagerTest(RolesTest):
    """sd_notify(3), as systemd would hear it."""

    def test_ready_watchdog_reload_stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = self.path("notify")
            manager.bind(path)
            manager.settimeout(15)
            os.chmod(path, 0o777)
            heard = []

            def hear(what):
                while True:
                    message = manager.recv(65536).decode()
                    heard.append(message)
                    if what in message:
                        return message
            key = harness.new_key()
            config = self.write_json("ddsend.json", {"streams": {"cam": {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port":
                                                                         harness.free_port(socket.SOCK_DGRAM), "key": key}}})
            daemon = self.sender("--config", config, env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"})
            hear("READY=1")
            hear("WATCHDOG=1")
            hear("WATCHDOG=1")
            daemon.send_signal(signal.SIGHUP)
            hear("RELOADING=1")
            hear("READY=1")
            daemon.send_signal(signal.SIGTERM)
            hear("STOPPING=1")
            self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    harness.main()

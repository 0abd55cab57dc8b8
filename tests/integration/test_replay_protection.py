"""Recorded datagrams are worth nothing, whatever happens to the receiver. A sender that lost its clock and its memory is
admitted when its user says so."""
import json
import os
import re
import shlex
import signal
import socket
import time

import harness


class ReplaysTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.key, self.port = harness.new_key(), harness.free_port(socket.SOCK_DGRAM)
        self.tap = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.tap.close)
        self.tap.bind(("127.0.0.1", 0))
        self.tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.tap.setblocking(False)
        self.recorded = []

    def receive(self, **options):
        return self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": self.port, "key": self.key, "live_seconds": 1,
                                             "stale_seconds": 10, **options}})

    def send(self, *arguments, port=None):
        return self.card(port or self.port, self.key_file("send.key", self.key), "--cloud-ip",
                         f"127.0.0.1:{port or self.port},127.0.0.1:{self.tap.getsockname()[1]}", *arguments)

    def record(self):
        try:
            while True:
                self.recorded.append(self.tap.recv(65536))
        except BlockingIOError:
            return len(self.recorded)

    def replay(self, receiver):
        """Plays the recording, once each, and waits until all of it is refused."""
        def refused(s):
            return s["total"]["refused"]["replay"] + s["total"]["refused"]["session"]
        before = receiver.stats("cam")
        for i, datagram in enumerate(self.recorded):
            self.tap.sendto(datagram, ("127.0.0.1", self.port))
            if i % 100 == 99:
                receiver.wait_stats(lambda s: refused(s) - refused(before) > i - 50, 10, "the recording refused", "cam")
        after = receiver.wait_stats(lambda s: refused(s) - refused(before) == len(self.recorded), 10, "all of it refused", "cam")
        self.assertEqual(after["total"]["datagrams_received"], before["total"]["datagrams_received"])
        self.assertEqual(after["total"]["frames_complete"], before["total"]["frames_complete"])

    def watch_and_record(self, receiver):
        sender = self.send()
        receiver.wait_live("cam")
        harness.wait_until(lambda: self.record() > 500, 30, "a recording")
        sent = sender.stop()
        self.assertEqual(sent, 0)
        self.record()
        receiver.wait_stats(lambda s: s["total"]["datagrams_received"] == len(self.recorded), 10, "all that was sent", "cam")

    def test_not_after_a_restart(self):
        receiver = self.receive()
        self.watch_and_record(receiver)
        self.assertEqual(receiver.stop(), 0)
        receiver = self.receive()
        self.replay(receiver)
        fresh = receiver.freshness("cam")
        self.assertEqual((fresh["state"], fresh["frame"]), ("stale", None))

    def test_not_after_a_crash(self):
        receiver = self.receive()
        self.watch_and_record(receiver)
        os.kill(receiver.roles()["intake"], signal.SIGKILL)
        self.assertNotEqual(receiver.wait(), 0)
        self.replay(self.receive())

    def test_not_after_a_crash_of_the_whole_daemon(self):
        receiver = self.receive()
        self.watch_and_record(receiver)
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        harness.wait_until(lambda: not self.left_behind(), 10, "the end of its roles")
        self.replay(self.receive())

    def test_intake_has_no_file_on_the_disk(self):
        """A disk that hangs, or is frozen for a backup, must not stop it; a write to a mapped file would wait."""
        harness.require_root()
        receiver = self.receive()
        intake, state_dir = receiver.roles()["intake"], self.path("recv-state")
        self.assertEqual(os.listdir(state_dir), ["replay-cam"])
        with open(f"/proc/{intake}/maps") as f:
            self.assertNotIn(state_dir, f.read())
        for fd in os.listdir(f"/proc/{intake}/fd"):
            self.assertNotIn(state_dir, os.readlink(f"/proc/{intake}/fd/{fd}"))

    def test_not_after_a_reload(self):
        receiver = self.receive()
        self.watch_and_record(receiver)
        intake = receiver.roles()["intake"]
        receiver.send_signal(signal.SIGHUP)
        receiver.wait_role_replaced("intake", intake, 10)
        self.wait_healthy(receiver)
        self.replay(receiver)

    def test_pictures_go_on_after_a_restart(self):
        """In the midst of a session, from the next picture on."""
        receiver = self.receive()
        self.send()
        first = receiver.wait_live("cam")["frame"]
        receiver.stop()
        receiver = self.receive()
        self.assertGreater(receiver.wait_live("cam")["frame"], first)
        stats = receiver.stats("cam")["total"]
        self.assertEqual((stats["datagrams_lost"], sum(stats["refused"].values())), (0, 0))

    def test_delay_is_known_after_a_restart(self):
        """A path that began to hold back while the receiver was restarted does not look live."""
        relay = harness.Relay(self, self.port)
        receiver = self.receive()
        self.send(port=relay.port)
        receiver.wait_live("cam")
        receiver.wait_freshness(lambda f: f["delay_seconds"] < 0.5, 10, "no delay", "cam")
        receiver.stop()
        relay.set("delay", 8000)
        receiver = self.receive()
        fresh = receiver.wait_freshness(lambda f: f["sender"] == "delayed" and f["frame"], 40, "delayed", "cam")
        self.assertNotEqual(fresh["state"], "live")
        self.assert_delay(fresh["delay_seconds"], 7.5, 9)

    def test_the_command_in_the_log_has_the_delay_learnt_anew(self):
        """The sender's machine was started again, with its clock a minute behind."""
        receiver = self.receive()
        forge = harness.Forge(self, self.port, self.key)
        forge.frame(harness.make_jpeg(), 8)
        forge.status(8)
        receiver.wait_freshness(lambda f: f["reason"] is None and f["delay_seconds"] == 0, 10, "a live picture", "cam")

        def behind():
            forge.status(8, sent_us=harness.now_us() - 60000000, boot_tag=2)
        behind()
        command = receiver.wait_log(r"cam: datagrams come \d+\.\d s later .* its machine was started again.*: (ddrecv .*)$").group(1)
        fresh = receiver.wait_freshness(lambda f: f["sender"] == "delayed", 10, "delayed", "cam")
        self.assertEqual(fresh["reason"], "sender delayed, or its clock set back")
        self.assert_delay(fresh["delay_seconds"], 59.9, 61)
        self.assertTrue(command.endswith(" --reset-delay cam"), command)
        program, *arguments = shlex.split(command)
        self.refused(program, *arguments[:-1], "cam,dog", names=["dog"])
        self.refused(program, "--reset-delay", "cam", names=["of which stream"])
        code, out, log = self.run_program(program, *arguments)
        self.assertEqual((code, log), (0, ""))
        self.assertIn("the delay of cam is learnt anew", out)
        receiver.wait_log("cam: its delay is learnt anew")
        behind()
        receiver.wait_freshness(lambda f: f["sender"] == "alive" and f["delay_seconds"] == 0, 10, "no delay", "cam")
        receiver.wait_log("cam: datagrams come in time again")

    def test_a_lost_sender_is_told_of_and_let_in(self):
        """Its clock is years back after a reboot, and its disk is new."""
        relay = harness.Relay(self, self.tap.getsockname()[1])
        forge = harness.Forge(self, relay.port, self.key)
        receiver = self.receive()
        # the newest session says that it begins in an hour
        forge.session(3600)
        forge.frame(harness.make_jpeg(), 8)
        forge.status(8, sent_us=harness.now_us() + 3600 * 1000000)
        harness.wait_until(lambda: self.record() == forge.sent, 10, "what it sends")
        for datagram in self.recorded:
            self.tap.sendto(datagram, ("127.0.0.1", self.port))
        receiver.wait_stats(lambda s: s["total"]["frames_complete"] == 1 and s["total"]["datagrams_received"] == forge.sent, 10,
                            "the first picture", "cam")
        sender = self.send("--state-dir", self.path("new-disk"))
        start = sender.wait_log(r"session (\d+:[0-9a-f]{16})").group(1)
        warned = receiver.wait_log(r"cam: refused session (\d+:[0-9a-f]{16}) from .*--forget-session (cam=\S+)", 15)
        self.assertEqual((warned.group(1), warned.group(2)), (start, f"cam={start}"))
        config = self.path("ddrecv.json")
        for wrong, names in (("cam", "name of a stream"), ("dog=1:2", "name of a stream"), ("cam=1", "START:SALT"),
                             ("cam=1:xyz", "START:SALT"), ("cam=0:1", "START:SALT"), ("cam=-1:5", "START:SALT"),
                             ("cam= 5:-3", "START:SALT"), ("cam=12345678901234567890123:5", "START:SALT"),
                             ("cam=5:12345678901234567", "START:SALT"), ("cam=5:5 ", "START:SALT")):
            self.refused("ddrecv", "--config", config, "--forget-session", wrong, names=[names])
        code, out, log = self.run_program("ddrecv", "--config", config, "--forget-session", warned.group(2))
        self.assertEqual((code, log), (0, ""))
        self.assertIn(start, out)
        receiver.wait_live("cam")
        receiver.wait_log(rf"cam: session {start} from")
        self.assertLess(receiver.freshness("cam")["delay_seconds"], harness.stretch())
        self.assert_way_is_no_wider(receiver)

    def assert_way_is_no_wider(self, receiver):
        """What the session before had sent is refused once its grace is over, though it says that it begins later."""
        self.record()
        sent = [d for d in self.recorded if d[8:24] == self.recorded[0][8:24]]
        begin = time.monotonic()
        harness.wait_until(lambda: time.monotonic() - begin > 5.5, 10, "the end of its grace")
        before = receiver.stats("cam")["total"]["refused"]["session"]
        for datagram in sent:
            self.tap.sendto(datagram, ("127.0.0.1", self.port))
        receiver.wait_stats(lambda s: s["total"]["refused"]["session"] >= before + len(sent), 10, "refusals", "cam")
        self.assertEqual(receiver.freshness("cam")["state"], "live")

    def test_a_recording_does_not_make_the_log_long(self):
        receiver = self.receive()
        self.watch_and_record(receiver)
        sender = self.send()
        session = sender.wait_log(r"session (\d+):").group(1)
        receiver.wait_log(rf"session {session}:\w+ from")
        begin = time.monotonic()
        harness.wait_until(lambda: time.monotonic() - begin > 5.5, 10, "the end of the session before")
        begin, sent = time.monotonic(), 0
        before = receiver.stats("cam")["total"]["refused"]["session"]
        while time.monotonic() - begin < 1:  # several times what one try costs
            self.tap.sendto(self.recorded[sent % len(self.recorded)], ("127.0.0.1", self.port))
            sent += 1
            receiver.wait_stats(lambda s: s["total"]["refused"]["session"] >= before + sent, 10, "a refusal", "cam")
        receiver.wait_log("It may be a recording", 5)
        self.assertEqual(len(re.findall("It may be a recording", receiver.log())), 1)

    def test_a_key_that_was_replaced_is_refused_for_good(self):
        """Also when the configuration has it as the only one again."""
        old, new = self.key, harness.new_key()
        receiver = self.receive()
        self.watch_and_record(receiver)
        receiver.stop()
        self.key = new
        receiver = self.receive()
        self.send()
        receiver.wait_live("cam")
        receiver.stop()
        self.key = old
        receiver = self.receive()
        receiver.wait_log("cam: its key number 1 was replaced by another before, and is refused")
        for datagram in self.recorded[:100]:
            self.tap.sendto(datagram, ("127.0.0.1", self.port))
        stats = receiver.wait_stats(lambda s: s["socket"]["refused"]["key"] >= 100, 10, "refusals", "cam")
        self.assertEqual(stats["total"]["datagrams_received"], 0)

    def test_what_another_daemon_keeps(self):
        """Two daemons cannot have one; and a reload that would need it changes nothing."""
        first = self.receive()
        self.send()
        first.wait_live("cam")
        other = {"dog": {"udp_host": "127.0.0.1", "udp_port": harness.free_port(socket.SOCK_DGRAM), "key": harness.new_key()}}
        second = self.receiver_config(other, name="second.json")
        with open(self.path("ddrecv.json")) as f:
            config = json.load(f)
        config["streams"].update(other)
        roles = first.roles()
        self.write_json("ddrecv.json", config)
        first.send_signal(signal.SIGHUP)
        first.wait_log("state of dog in .*: another ddrecv does; give each a state_dir of its own")
        first.wait_log("the new configuration is refused")
        self.assertEqual(first.roles(), roles)
        self.assertEqual(first.freshness("cam")["state"], "live")
        second.stop()
        first.send_signal(signal.SIGHUP)
        first.wait_log("the new configuration is in use")
        first.wait_live("cam")


if __name__ == "__main__":
    harness.main()

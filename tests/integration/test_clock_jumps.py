"""Machines that sleep, and clocks that are set, while both daemons run: their clocks jump by offsets that the test changes."""
import os
import re
import shutil
import signal
import socket
import struct

import harness
import test_web_faulty_browser

HOUR = 3600


class Clock:
    """The clocks of one daemon: tests/support/clock/test_clock.c."""

    def __init__(self, program):
        self.path = program + ".clock"
        self.realtime = self.boottime = self.resumes = 0
        with open(self.path, "wb") as f:
            f.write(struct.pack("=qqqq", 0, 0, 0, 0))
        os.chmod(self.path, 0o644)

    def _write(self):
        with open(self.path, "r+b", buffering=0) as f:
            f.write(struct.pack("=qqqq", self.realtime, self.boottime, 0, self.resumes))

    def sleep(self, seconds):
        """The machine was asleep for so long."""
        self.realtime += seconds
        self.boottime += seconds
        self._write()

    def resume(self):
        """The machine is a virtual one, and was resumed from a snapshot."""
        self.resumes += 1
        self._write()

    def step(self, seconds):
        """Somebody sets the clock."""
        self.realtime += seconds
        self._write()


class ClockTest(harness.Test):
    def program(self, name):
        """A copy of the daemon on a clock of its own, where each role can read that."""
        os.chmod(self.folder, 0o711)
        path = self.path(name)
        shutil.copy(harness.program(name + "_on_test_clock"), path)
        os.chmod(path, 0o755)
        return path


class FaultTest(ClockTest):
    def test_a_lasting_fault_is_repeated_with_growing_gaps(self):
        program = self.program("ddsend")
        clock = Clock(program)
        sender = harness.Daemon(self, [program, "--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{harness.free_port()}/x", "--cloud-ip",
                                       "127.0.0.1", "--cloud-port", harness.free_port(socket.SOCK_DGRAM), "--key-file",
                                       self.key_file(), "--state-dir", self.path("send-state")])
        sender.wait_log("capture stream: warning: .*refused.*; trying again in")
        for seconds, minutes in ((61, 1), (301, 6), (1801, 36), (HOUR, 96)):
            clock.sleep(seconds)
            sender.wait_log(f"capture stream: warning: for {minutes} min: .*refused.*; trying again in", 15)
        self.assertEqual(sender.log().count("; trying again in"), 5)


class PairTest(ClockTest):
    def start(self, *source, interval=0.1):
        """Both daemons, each on its own clock."""
        port, http_port, key = harness.free_port(socket.SOCK_DGRAM), harness.free_port(), self.key_file()
        programs = [self.program(name) for name in ("ddsend", "ddrecv")]
        self.sender_clock, self.receiver_clock = map(Clock, programs)
        self.receiver = harness.Receiver(self, [programs[1], "--udp-host", "127.0.0.1", "--udp-port", port, "--key-file", key,
                                                "--http-port", http_port, "--state-dir", self.path("recv-state")])
        self.receiver.http_port = http_port
        self.wait_healthy(self.receiver)
        self.command = [programs[0], *source, "--interval", interval, "--cloud-ip", "127.0.0.1", "--cloud-port", port, "--key-file",
                        key, "--state-dir", self.path("send-state")]
        self.sender = harness.Daemon(self, self.command)
        self.receiver.wait_live()
        self.roles = self.everyone()

    def everyone(self):
        return {**self.sender.roles(), **self.receiver.roles(), "ddsend": self.sender.pid, "ddrecv": self.receiver.pid}

    def send(self, number, pids):
        for pid in pids:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            harness.wait_until(lambda: all(harness.process_state(pid) == "T" for pid in pids), 5, "everything to stand still")

    def sleep(self):
        """Both machines sleep for an hour."""
        pids = list(self.roles.values())
        self.fall_asleep(pids)
        self.send(signal.SIGCONT, pids)

    def fall_asleep(self, pids):
        """These processes do nothing for an hour."""
        self.send(signal.SIGSTOP, pids)
        self.receiver_clock.sleep(HOUR)
        self.sender_clock.sleep(HOUR)

    def check_live(self, timeout=5):
        """New pictures arrive, and are live; every process is the one that it was."""
        after = self.receiver.freshness()["frame"]
        self.receiver.wait_freshness(lambda f: f["frame"] and f["frame"] > after and f["state"] == "live" and f["reason"] is None,
                                     timeout, "a live picture")
        self.assertEqual(self.everyone(), self.roles)
        for daemon in (self.sender, self.receiver):
            self.assertNotRegex(daemon.log(), "hangs|killed|starting it again|lost: ")

    def sessions(self):
        """(of the sender, of the receiver) as they log them."""
        return [re.findall(r"session (\d+:[0-9a-f]{16})" + end, daemon.log(), re.M)
                for daemon, end in ((self.sender, ", begun"), (self.receiver, " from"))]


class SourceTest(PairTest):
    """After a sleep a connection may be dead, and what it has buffered is old: another one is made, at once, and nothing is called
    lost."""

    def check_sleep(self):
        self.sleep()
        self.sender.wait_log("capture stream: connecting again after a pause")
        self.check_live(10)
        self.assertEqual(self.sender.log().count("connected: "), 2)

    def test_of_a_camera(self):
        camera = harness.Camera(self, "--size", "320x240", "--fps", "10")
        self.start("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test")
        self.check_sleep()

    def test_of_a_page(self):
        browser = test_web_faulty_browser.FakeTest.fake(self, "page", "good")
        self.start("--mode", "web", "--source", "http://127.0.0.1/", "--browser", browser, interval=1)  # a screencast has other clocks
        self.check_sleep()


class JumpsTest(PairTest):
    def setUp(self):
        super().setUp()
        self.start("--mode", "test", "--capture-resolution", "320x240")

    def test_a_sleep_of_both_machines(self):
        self.sleep()
        for daemon in (self.sender, self.receiver):
            daemon.wait_log(r"stood still for (3599|36\d\d)\.\d s")
        self.check_live()
        sent, received = self.sessions()
        self.assertEqual(sent, received)
        self.assertEqual(len(sent), 1, "a sleep is no reason for a new session")
        skipped = self.receiver.stats()["total"]["frames_skipped"]
        self.assertLess(skipped, HOUR, "pictures that nobody could take do not count as left out")

    def test_nothing_is_live_that_was_seen_before_a_sleep(self):
        pids = [pid for name, pid in self.roles.items() if name in ("ddsend", *self.sender.roles())]
        self.fall_asleep(pids)
        fresh = self.receiver.freshness()
        self.assertEqual((fresh["state"], fresh["sender"]), ("stale", "silent"))
        self.assertGreaterEqual(fresh["seconds"], HOUR)
        with harness.Mjpeg(self.receiver.http_port) as viewer:
            self.assertEqual(next(viewer)[0]["x-state"], "stale")
        self.send(signal.SIGCONT, pids)
        self.check_live()

    def test_a_clock_that_is_set(self):
        for i, (clock, seconds) in enumerate(((self.sender_clock, HOUR), (self.sender_clock, -2 * HOUR), (self.sender_clock, HOUR))):
            clock.step(seconds)
            harness.wait_until(lambda: [len(s) for s in self.sessions()] == [i + 2, i + 2], 10, "a new session at both ends")
            self.check_live()
        sent, received = self.sessions()
        self.assertEqual(sent, received)
        starts = [int(s.split(":")[0]) for s in sent]
        self.assertEqual(starts, sorted(set(starts)), "later sessions have later starts, whatever the clock says")
        for seconds in (HOUR, -2 * HOUR, HOUR):
            self.receiver_clock.step(seconds)
            self.check_live()
        self.assertEqual(len(self.sessions()[1]), 4)
        self.assertLess(self.receiver.freshness()["delay_seconds"], 1)

    def test_a_machine_that_is_resumed_from_a_snapshot(self):
        """Another one may go on from the same state: no session goes on, so no nonce is used twice."""
        for count in (2, 3):
            self.sender_clock.resume()
            self.sender.wait_log("was resumed from a snapshot")
            harness.wait_until(lambda: [len(s) for s in self.sessions()] == [count, count], 10, "a new session at both ends")
            self.check_live()
        sent, received = self.sessions()
        self.assertEqual(sent, received)
        self.assertEqual(self.receiver.stats()["total"]["frames_bad"], 0)

    def test_a_clock_that_is_set_while_ddsend_does_not_run(self):
        """Each run states its epoch, so nothing looks late: first it is 23 h ahead, then 25 h behind, then right."""
        for seconds in (23 * HOUR, -48 * HOUR, 25 * HOUR):
            self.sender.stop()
            self.sender_clock.step(seconds)
            self.sender = harness.Daemon(self, self.command)
            self.sender.wait_log("session ")
            self.roles = self.everyone()
            self.check_live()
            self.assertLess(self.receiver.freshness()["delay_seconds"], 1)
        self.assertEqual(self.receiver.stats()["total"]["refused"]["session"], 0)


if __name__ == "__main__":
    harness.main()

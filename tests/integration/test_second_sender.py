"""A second ddsend with the key of the first: on this host it ends and says why; elsewhere the first one does not fall silent."""
import os
import re
import signal
import socket

import harness


class SecondSenderTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), harness.new_key()
        self.key_path = self.key_file(key=self.key)

    def streams(self, *names):
        return {name: {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": self.port, "key": self.key, "stream_id": name,
                       "interval": 0.1, "capture_resolution": "320x240"} for name in names}

    def test_on_one_host_it_ends_and_names_the_first(self):
        receiver = self.receiver_stream(self.port, self.key_path)
        first = self.card(self.port, self.key_path)
        receiver.wait_live()
        self.assertRegex(first.log(), rf"(?m)ddsend: stream: test to 127\.0\.0\.1:{self.port}, key id [0-9a-f]{{8}}$")
        # with a state_dir, a user and a name of the stream of its own it is the same key all the same
        second = self.sender("--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file", self.key_path,
                             "--interval", "1", "--state-dir", self.path("other"))
        self.assertEqual(second.wait(10), 1)
        self.assertRegex(second.log(), rf"stream: its key is in use by process {first.pid} \(.*ddsend .*--mode test.*\)")
        self.assertNotRegex(second.log(), "capture stream|session", "it started nothing")
        code, out, _ = self.run_program("ddsend", *first.arguments[1:], "--check-config")
        self.assertEqual((code, "1 stream" in out), (0, True), "--check-config asks for no lock")
        before = receiver.freshness()["frame"]
        receiver.wait_freshness(lambda f: f["state"] == "live" and f["frame"] > before, 10, "new pictures of the first")
        self.assertEqual(receiver.stats()["total"]["refused"]["session"], 0)

    def test_it_waits_for_one_that_ends(self):
        """A service manager starts the next one when the process before it has ended, and a person a little earlier."""
        receiver = self.receiver_stream(self.port, self.key_path)
        first = self.card(self.port, self.key_path)
        first.wait_log("session")
        second = self.card(self.port, self.key_path)
        second.wait_log(rf"in use by process {first.pid} .*waiting")
        self.assertEqual(first.stop(), 0)
        second.wait_log("session")
        receiver.wait_live()
        # killed, it leaves nothing behind that would lock out the next
        second.popen.send_signal(signal.SIGKILL)
        second.wait()
        third = self.card(self.port, self.key_path)
        third.wait_log("session")

    def test_a_reload_takes_and_gives_back(self):
        first = self.sender_config(self.streams("a", "b"), name="first.json")
        first.wait_roles("transmit", "capture a", "capture b")

        def reload(*names):
            self.write_json("first.json", {"sender": {}, "streams": self.streams(*names)})
            seen = len(first.log())
            first.send_signal(signal.SIGHUP)
            return harness.wait_until(lambda: re.search("the new configuration is.*", first.log()[seen:]), 15,
                                      "an answer to SIGHUP").group()
        self.assertIn("in use", reload("a"))
        other = self.sender_config(self.streams("b"), name="other.json")
        other.wait_roles("transmit", "capture b")
        self.assertIn("refused", reload("a", "b"))
        self.assertRegex(first.log(), rf"b: its key is in use by process {other.pid} ")
        other.stop()
        self.assertIn("in use", reload("a", "b"))

    def test_a_newer_session_of_another_host_with_the_same_state(self):
        """In another network namespace there is no lock. What the other ddsend has left in state_dir is enough to go on."""
        receiver = self.receiver_stream(self.port, self.key_path)
        sender = self.card(self.port, self.key_path)
        receiver.wait_live()
        forge = harness.Forge(self, self.port, self.key)
        forge.session(60)
        forge.status()
        receiver.wait_stats(lambda s: s["total"]["refused"]["session"] > 0, 20, "the first refused")
        before = receiver.freshness()["frame"]
        name, = [n for n in os.listdir(self.path("send-state")) if n.startswith("session-")]
        start = harness.now_us() + 61 * 1000000
        self.write("other", f"{start}\n")
        os.rename(self.path("other"), os.path.join(self.path("send-state"), name))
        sender.wait_log(rf"session {start + 1}:")
        receiver.wait_freshness(lambda f: f["frame"] > before and f["state"] == "live", 10, "new pictures")
        self.assertRegex(sender.log(), "another ddsend with the same key and state_dir")

        def saved():
            with open(os.path.join(self.path("send-state"), name)) as f:
                return int(f.read())
        harness.wait_until(lambda: saved() == start + 1, 5, "its own session on disk")
        # one that nobody can have begun is not believed
        self.write("other", f"{start + 40 * 86400 * 1000000}\n")
        os.rename(self.path("other"), os.path.join(self.path("send-state"), name))
        before = receiver.freshness()["frame"]
        receiver.wait_freshness(lambda f: f["frame"] > before + 30, 20, "three more seconds")
        self.assertEqual(sender.log().count(": session "), 2)


if __name__ == "__main__":
    harness.main()

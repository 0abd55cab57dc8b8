"""What the browser of a stream may do: its sandbox, its descriptors, its connections."""
import os
import time

import harness
import webharness


class ConfinedTest(webharness.Test):
    @staticmethod
    def status(pid):
        with open(f"/proc/{pid}/status") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def test_it_is_shut_in(self):
        """Its sandbox is on; it listens nowhere; no process of it is dead and unburied, or root's."""
        self.show("/counter")
        processes = self.browser()
        own = os.readlink("/proc/self/ns/user")
        renderers = webharness.of_kind(processes, "renderer")
        self.assertTrue(renderers, processes)
        for pid in renderers:
            status = self.status(pid)
            self.assertEqual(status["Seccomp"], "2", processes[pid])
            self.assertEqual(status["NoNewPrivs"], "1", processes[pid])
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/user"), own)
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"))
        for pid, title in processes.items():
            self.assertNotIn("--no-sandbox", title)
            self.assertNotRegex(title, r"--remote-debugging-(port|address)")
            self.assertNotIn(harness.process_state(pid), ("Z", "X"), title)
            if os.geteuid() == 0:
                self.assertNotIn("0", self.status(pid)["Uid"].split(), title)
        everyone = [self.ddsend.pid, *harness.children(self.ddsend.pid)]
        self.assertEqual(webharness.listeners(everyone), set(), "listening sockets")

    def test_it_has_no_descriptor_of_ours(self):
        self.show("/counter")
        capture = self.capture()
        ours = {os.readlink(f"/proc/{capture}/fd/{fd}") for fd in os.listdir(f"/proc/{capture}/fd") if fd not in ("0", "1", "2")}
        pipes = set()  # to the browser: two, and its standard error
        for pid, title in self.browser().items():
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    link = os.readlink(f"/proc/{pid}/fd/{fd}")
                except OSError:
                    continue
                if link in ours and not link.startswith("anon_inode:"):
                    self.assertTrue(link.startswith("pipe:"), f"{fd} of {title[:100]} is {link}")
                    pipes.add(link)
        self.assertLessEqual(len(pipes), 3)

    def test_it_asks_nobody_but_the_page(self):
        """No connection but to the page's server, while it runs for a while."""
        self.show("/counter", interval=0.5)
        allowed = {self.web.port}
        end = time.monotonic() + 5

        def look():
            for pid in self.browser():
                try:
                    inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
                    rows = []
                    for table in ("tcp", "tcp6", "udp", "udp6"):
                        with open(f"/proc/{pid}/net/{table}") as f:
                            rows += [(table, *line.split()) for line in f.readlines()[1:]]
                except OSError:
                    continue
                for table, _, local, remote, state, *rest in rows:
                    if f"socket:[{rest[5]}]" in inodes:
                        self.assertIn(int(remote.rsplit(":", 1)[1], 16), allowed, f"{table} {local} {remote} {state}")
            return time.monotonic() >= end
        harness.wait_until(look, 20, "5 s")


if __name__ == "__main__":
    harness.main()

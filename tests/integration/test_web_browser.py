"""The browser of a stream: whatever dies, nothing of it stays behind, and pictures come back."""
import os
import re
import signal
import time

import harness
import webharness


class BrowserTest(webharness.Test):
    def wait_new_pictures(self, timeout=30, stream="page", margin=100):
        """Waits for pictures of the page as it is now."""
        self.wait_fresh(lambda f: f["source"] == "ok" and f["state"] == "live", timeout,
                                     "live: " + self.sender.log()[-2000:], stream)
        return self.wait_cells(lambda c: abs(webharness.count_now() - c.count) < margin, timeout, "the page of now", stream)


class KilledTest(BrowserTest):
    def test_its_processes(self):
        """One after the other is killed: the browser, its tab, its helpers."""
        self.show("/counter")
        for kind in ("", "renderer", "gpu-process", "utility", "zygote", "shell"):
            with self.subTest(kind or "browser"):
                before = self.browser()
                victims = webharness.of_kind(before, kind)
                if not victims:
                    continue
                folders = webharness.profile_folders(self.sender.pid)
                capture = self.capture()
                webharness.kill(victims)
                self.assert_gone(victims)
                killed = webharness.count_now()
                self.wait_fresh(lambda f: True, 5, "an answer", "page")
                self.wait_cells(lambda c: 0 < c.count - killed < 2 ** 23 and c.count > killed + 25, 40, "new pictures")
                self.wait_new_pictures()
                self.assertEqual(self.capture(), capture, "the role needs no new start for that")
                if kind == "":
                    self.assert_gone(before, 5)
                    self.assert_folders_gone(folders - webharness.profile_folders(self.sender.pid))

    def test_the_capture_role(self):
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.sender.pid)
        self.assertTrue(before)
        pid = self.capture()
        os.kill(pid, signal.SIGKILL)
        self.assert_gone(before, 3)
        self.sender.wait_role_replaced("capture page", pid, 10)
        self.wait_new_pictures()
        self.assert_folders_gone(folders, 5)

    def test_the_supervisor(self):
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.sender.pid)
        roles = self.sender.roles().values()
        self.sender.send_signal(signal.SIGKILL)
        self.assertEqual(self.sender.wait(), -signal.SIGKILL)
        self.assert_gone([*before, *roles], 3)
        left = [f for f in folders if os.path.exists(f)]
        print(f"folders left until the next start: {left}")
        self.sender = self.sender_config(self.send_streams)
        self.wait_new_pictures()
        self.assert_folders_gone(left, 5)

    def test_everything_at_once(self):
        """As when the memory is out: no process of it ends in order; the next start clears up."""
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.sender.pid)
        everyone = [self.sender.pid, *harness.children(self.sender.pid)]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        webharness.kill(everyone)
        self.sender.wait()
        self.assert_gone(before, 3)
        self.sender = self.sender_config(self.send_streams)
        self.wait_new_pictures()
        self.assert_folders_gone(folders, 5)


class StopTest(BrowserTest):
    def check_stop(self, number=signal.SIGTERM):
        folders, processes = webharness.profile_folders(self.sender.pid), harness.children(self.sender.pid)
        self.assertTrue(webharness.browser_processes(self.sender.pid))
        start = time.monotonic()
        self.assertEqual(self.sender.stop(5, number), 0, self.sender.log()[-2000:])
        taken = time.monotonic() - start
        print(f"stopped within {taken:.2f} s")
        self.assertLess(taken, 2)
        self.assert_gone(processes, 0.5)
        self.assertEqual([f for f in folders if os.path.exists(f)], [])

    def test_while_it_shows(self):
        self.show("/counter", interval=0)
        self.check_stop()

    def test_while_it_waits(self):
        self.show("/counter", interval=60, pause_browser=True)
        self.check_stop(signal.SIGINT)

    def test_while_it_loads(self):
        self.start({"page": ("/never", {"timeout": 30})})
        harness.wait_until(lambda: self.web.requests("/never"), 20, "a request")
        self.check_stop()

    def test_while_it_hangs(self):
        self.show("/loop?after=1", timeout=30)
        last = self.wait_cells(lambda c: webharness.count_now() - c.count > 50, 20, "a page that hangs")
        self.assertTrue(last)
        self.check_stop()

    def test_while_it_starts(self):
        self.start({"page": ("/counter", {})})
        harness.wait_until(lambda: webharness.browser_processes(self.sender.pid), 10, "a browser")
        self.check_stop()

    def test_reload_of_the_configuration(self):
        """What has changed gets a new browser; the old one is gone."""
        self.start({"kept": ("/counter?kept", {}), "changed": ("/counter?changed", {})})
        for name in self.names:
            self.wait_picture(name)
        kept, changed = self.browser_of("kept"), self.browser_of("changed")
        self.send_streams["changed"]["page_zoom"] = 0.5
        self.write_json("ddsend.json", {"sender": {"state_dir": self.path("send-state")}, "streams": self.send_streams})
        self.sender.send_signal(signal.SIGHUP)
        self.wait_cells(lambda c: abs(c.cell - 12) < 1, 30, "the new zoom", "changed")
        self.assert_gone(changed)
        self.assertEqual(set(webharness.of_kind(self.browser_of("kept"), "")), set(webharness.of_kind(kept, "")))


class ConfinedTest(BrowserTest):
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
        everyone = [self.sender.pid, *harness.children(self.sender.pid)]
        self.assertEqual(webharness.listeners(everyone), set(), "listening sockets")

    def test_it_has_no_descriptor_of_ours(self):
        self.show("/counter")
        for pid, title in self.browser().items():
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    link = os.readlink(f"/proc/{pid}/fd/{fd}")
                except OSError:
                    continue
                self.assertNotRegex(link, r"memfd:dd|eventfd|signalfd|ddsend", f"{fd} of {title[:100]}")

    def test_it_asks_nobody_but_the_page(self):
        """No connection but to the page's server, while it runs for a while."""
        self.show("/counter", interval=0.5)
        allowed = {self.web.port}
        end = time.monotonic() + 8
        while time.monotonic() < end:
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
            time.sleep(0.05)


class CareTest(BrowserTest):
    def test_a_hung_page_is_replaced(self):
        self.show("/loop?after=3", timeout=4, receive={"live_seconds": 1})
        start = time.monotonic()
        first = self.cells().load
        self.wait_cells(lambda c: webharness.count_now() - c.count > 50, 20, "a page that hangs")
        hung = time.monotonic()
        fresh = self.wait_fresh(lambda f: f["source"] != "ok", 4 + 5, "not ok", "page")
        print(f"said {time.monotonic() - hung + 2:.1f} s after it began to hang: {fresh['source']}, {fresh['reason']}")
        self.wait_cells(lambda c: c.load > first, 40, "a new one")
        self.wait_fresh(lambda f: f["state"] == "live", 10, "live again", "page")
        self.assertGreater(time.monotonic() - start, 0)
        self.assertLessEqual(len(webharness.of_kind(self.browser(), "renderer")), 3)

    def test_memory(self):
        """A page that takes memory for ever gets a new browser before browser_memory is far exceeded; viewers see no gap."""
        limit = 400
        self.show("/allocate?megabytes=15", browser_memory=f"{limit}Mi", interval=0.1)
        first = self.wait_cells(lambda c: True, 10, "cells").load
        most, seen, gap, last_at = 0, first, 0, time.time()
        end = time.monotonic() + 50
        while seen < first + 1:
            self.assertLess(time.monotonic(), end, f"a replacement; {most} MiB were used; log: {self.sender.log()[-2000:]}")
            for at, jpeg in self.collect(1):
                gap, last_at = max(gap, at - last_at), at
                cells = webharness.cells_of(jpeg, 100)
                self.assertIsNotNone(cells, "every picture is of the page")
                seen = max(seen, cells.load)
            used = 0
            for pid in self.browser():
                try:
                    with open(f"/proc/{pid}/smaps_rollup") as f:
                        used += int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M).group(1)) // 1024
                except (OSError, AttributeError):
                    pass
            most = max(most, used)
            self.assertEqual(self.receiver.freshness("page")["source"], "ok")
        print(f"at most {most} MiB; longest gap {gap:.2f} s")
        self.assertLess(gap, 2)
        self.assertLess(most, 2 * limit)
        self.wait_said(r"(?i)capture page: .*(memory|browser_memory)")
        for at, jpeg in self.collect(3):
            gap, last_at = max(gap, at - last_at), at
        self.assertLess(gap, 2)
        browsers = harness.wait_until(lambda: (lambda b: b if len(b) <= 1 else None)(webharness.of_kind(self.browser(), "")), 10,
                                      "one browser")
        self.assertEqual(len(browsers), 1)

    def test_memory_that_runs_away(self):
        """Faster than a new browser helps: it is ended, that is said, and the page comes back."""
        self.show("/allocate?megabytes=150", browser_memory="300Mi", interval=0.5)
        first = self.wait_cells(lambda c: True, 10, "cells").load
        self.wait_fresh(lambda f: f["source"] != "ok", 30, "not ok")
        self.wait_said(r"capture page: .*browser_memory")
        self.wait_cells(lambda c: c.load > first, 45, "the page again")


if __name__ == "__main__":
    harness.main()

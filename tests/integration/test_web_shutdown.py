"""A stop ends the browser at once, whatever it is doing, and leaves nothing of it."""
import os
import signal
import time

import harness
import webharness


class StopTest(webharness.Test):
    def check_stop(self, number=signal.SIGTERM):
        folders, processes = webharness.profile_folders(self.ddsend.pid), harness.children(self.ddsend.pid)
        self.assertTrue(webharness.browser_processes(self.ddsend.pid))
        start = time.monotonic()
        self.assertEqual(self.ddsend.stop(5, number), 0, self.ddsend.log()[-2000:])
        taken = time.monotonic() - start
        print(f"stopped within {taken:.2f} s")
        self.assertLess(taken, 2 * harness.stretch())
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
        self.show("/loop?after=6", timeout=30)
        self.wait_cells(lambda c: webharness.count_now() - c.count > 50, 30, "a page that hangs")
        self.check_stop()

    def test_while_it_starts(self):
        self.start({"page": ("/counter", {})})
        harness.wait_until(lambda: webharness.browser_processes(self.ddsend.pid), 10, "a browser")
        self.check_stop()

    def test_reload_of_the_configuration(self):
        """What has changed gets a new browser; the old one is gone."""
        self.start({"kept": ("/counter?kept", {}), "changed": ("/counter?changed&cell=24", {})})
        for name in self.names:
            self.wait_picture(name)
        kept, changed = self.browser_of("kept"), self.browser_of("changed")
        self.send_streams["changed"]["page_zoom"] = 0.5
        self.write_json("ddsend.json", {"sender": {"state_dir": self.path("send-state")}, "streams": self.send_streams})
        self.ddsend.send_signal(signal.SIGHUP)
        self.wait_cells(lambda c: abs(c.cell - 12) < 1, 30, "the new zoom", "changed")
        self.assert_gone(changed)
        self.wait_picture("kept")
        self.assert_gone(set(kept) - set(self.browser_of("kept")))


if __name__ == "__main__":
    harness.main()

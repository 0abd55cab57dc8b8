"""The browser, or a process above it, is killed: nothing of it is left, and pictures come back."""
import os
import signal

import harness
import webharness


class KilledTest(webharness.Test):
    def test_its_processes(self):
        """One after the other is killed: the browser, its tab, its helpers."""
        self.show("/counter")
        there = [kind for kind in ("", "renderer", "gpu-process", "utility", "zygote", "shell")
                 if webharness.of_kind(self.browser(), kind)]
        self.assertLessEqual({"", "renderer"}, set(there))
        for kind in there:
            with self.subTest(kind or "browser"):
                victims = harness.wait_until(lambda: webharness.of_kind(self.browser(), kind), 15, "one to kill")
                before = self.browser()
                folders = webharness.profile_folders(self.ddsend.pid)
                capture = self.capture()
                webharness.kill(victims)
                self.assert_gone(victims)
                killed = webharness.count_now()
                self.wait_cells(lambda c: 0 < c.count - killed < 2 ** 23 and c.count > killed + 25, 40, "new pictures")
                self.wait_new_pictures()
                self.assertEqual(self.capture(), capture, "the role needs no new start for that")
                if kind == "":
                    self.assert_gone(before, 5)
                    self.assert_folders_gone(folders - webharness.profile_folders(self.ddsend.pid))

    def test_the_capture_role(self):
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.ddsend.pid)
        self.assertTrue(before)
        pid = self.capture()
        os.kill(pid, signal.SIGKILL)
        self.assert_gone(before, 3)
        self.ddsend.wait_role_replaced("capture page", pid, 10)
        self.wait_new_pictures()
        self.assert_folders_gone(folders, 5)

    def test_the_supervisor(self):
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.ddsend.pid)
        roles = self.ddsend.roles().values()
        self.ddsend.send_signal(signal.SIGKILL)
        self.assertEqual(self.ddsend.wait(), -signal.SIGKILL)
        self.assert_gone([*before, *roles], 3)
        left = [f for f in folders if os.path.exists(f)]
        print(f"folders left until the next start: {left}")
        self.restart()
        self.wait_new_pictures()
        self.assert_folders_gone(left, 5)

    def test_everything_at_once(self):
        """As when the memory is out: no process of it ends in order; the next start clears up."""
        self.show("/counter")
        before, folders = self.browser(), webharness.profile_folders(self.ddsend.pid)
        everyone = [self.ddsend.pid, *harness.children(self.ddsend.pid)]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        webharness.kill(everyone)
        self.ddsend.wait()
        self.assert_gone(before, 3)
        self.restart()
        self.wait_new_pictures()
        self.assert_folders_gone(folders, 10)


if __name__ == "__main__":
    harness.main()

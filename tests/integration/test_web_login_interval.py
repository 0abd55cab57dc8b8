"""A log-in form is submitted once a minute at most; a log-in page is never shown as the page. This test waits most of the time."""
import time

import harness
import test_web_login


class IntervalTest(test_web_login.LoginTest):
    def test_forms(self):
        """The session ends, at once after a log-in and later; the password is wrong."""
        shown = ("form", "script")
        self.start({
            "form": ("/private?who=form&draws=1", self.login),
            "script": ("/private-script?who=script&draws=1", self.login),
            "wrong": ("/private?who=wrong", {**self.login, "password_file": self.write("wrong", "not it\n")}),
        }, interval=1)
        self.check_logged_in(shown)
        self.wait_failed("wrong", timeout=40)
        self.assertEqual([len(self.submitted(name)) for name in self.names], [1, 1, 1])

        # a minute after that it may be filled in again, at once
        over = max(self.submitted(name)[0] for name in shown) + 60
        harness.wait_until(lambda: time.time() > over, 65, "a minute")
        self.look()
        self.web.control("end-sessions")
        harness.wait_until(lambda: self.look() or all(len(self.submitted(name)) == 2 for name in shown), 15, "a second log-in")
        self.check_logged_in(shown)

        # but not yet another time
        self.web.control("end-sessions")
        for name in shown:
            self.wait_fresh(lambda f: f["source"] != "ok", 20, "not ok", name)
        end = time.monotonic() + 5
        harness.wait_until(lambda: self.look() or time.monotonic() > end, 10, "time")
        self.assertEqual(self.frames_complete("wrong"), 0)
        for name in self.names:
            times = self.submitted(name)
            self.assertLessEqual(len(times), 2, name)
            for before, after in zip(times, times[1:]):
                self.assertGreater(after - before, 58, f"{name}: seconds from log-in to log-in")
        self.assertNotIn("Sesame", self.ddsend.log())


if __name__ == "__main__":
    harness.main()

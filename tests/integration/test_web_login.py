"""Log-in forms: filled in, once a minute at most, on the page's own origin; a log-in page is never shown as the page."""
import time

import harness
import webharness

USER, PASSWORD = "viewer", "Sesame & 3141"
FORM_MARK = 77  # of a log-in page
SELECTORS = {"login_user_selector": "#user", "login_password_selector": "#password", "login_submit_selector": "#submit"}


class LoginTest(webharness.Test):
    def setUp(self):
        super().setUp()
        self.web.set(user=USER, password=PASSWORD)
        self.login = {**SELECTORS, "username": USER, "password_file": self.write("password", PASSWORD + "\n"),
                      "expect_selector": "#dashboard", "timeout": 20}

    def submitted(self, who):
        """When a page submitted a form."""
        return [r["at"] for r in self.web.requests() if r["method"] == "POST" and f"who={who}" in r["query"] + r["headers"].get(
            "Referer", "")]

    def look(self):
        """Fails if a log-in form is seen."""
        for stream in self.names:
            cells = self.cells(stream)
            self.assertFalse(cells and cells.mark == FORM_MARK, f"{stream} shows a log-in form")

    def check_logged_in(self, names, timeout=40):
        for name in names:
            self.wait_picture(name, timeout)
            self.wait_cells(lambda c: c.mark == 0 and abs(webharness.count_now() - c.count) < 100, 20, "what is behind the form", name)

    def test_forms(self):
        """The session ends, at once after a log-in and later; the password is wrong."""
        shown = ("form", "script")
        self.start({
            "form": ("/private?who=form", self.login),
            "script": ("/private-script?who=script", self.login),
            "wrong": ("/private?who=wrong", {**self.login, "password_file": self.write("wrong", "not it\n")}),
        }, interval=0.5)
        self.check_logged_in(shown)
        self.wait_failed("wrong", timeout=40)
        self.assertEqual([len(self.submitted(name)) for name in self.names], [1, 1, 1])

        # a minute after that it may be filled in again, at once
        harness.wait_until(lambda: time.time() > max(self.submitted(name)[0] for name in shown) + 60, 65, "a minute")
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

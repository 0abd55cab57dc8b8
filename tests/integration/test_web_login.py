"""Log-in forms: filled in, once a minute at most, on the page's own origin; a log-in page is never shown as the page."""
import time
import urllib.parse

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


class OriginTest(LoginTest):
    test_forms = None

    def test_other_places(self):
        """A form at an address of its own; one that leads to another origin, and one that is there."""
        other = f"http://127.0.0.1:{self.web.other}"
        self.start({
            "moved": ("/private?move&who=moved", self.login),
            "foreign": (f"/login?who=foreign&action={urllib.parse.quote(other + '/steal')}", self.login),
            "elsewhere": (f"/redirect?to={urllib.parse.quote(other + '/login?who=elsewhere')}", self.login),
        }, interval=0.5)
        self.check_logged_in(("moved",))
        for name in ("foreign", "elsewhere"):
            self.wait_failed(name, timeout=40)
            self.wait_said(rf"capture {name}: .*another origin")
            self.assertEqual(self.frames_complete(name), 0, name)
        for request in self.web.requests(port=self.web.other):
            self.assertNotIn("Sesame", str(request))
            self.assertNotEqual(request["path"], "/steal")
        self.assertNotIn("Sesame", self.ddsend.log())


class ExpectTest(webharness.Test):
    def test_what_is_expected_goes_and_comes(self):
        self.start({"page": ("/element", {"expect_selector": "#box", "timeout": 10}),
                    "missing": ("/counter?who=missing", {"expect_selector": "#nowhere", "timeout": 20})})
        self.wait_picture()
        self.wait_failed("missing")
        self.wait_said(r"capture missing: .*#nowhere")
        self.web.set(shown=0)
        self.wait_fresh(lambda f: f["source"] != "ok", 20, "not ok")
        self.wait_said(r"capture page: .*#box")
        frame = self.receiver.freshness("page")["frame"]
        self.wait_seconds(2)
        self.assertEqual(self.receiver.freshness("page")["frame"], frame, "no picture without it")
        self.web.set(shown=1)
        self.wait_picture(timeout=45)


if __name__ == "__main__":
    harness.main()

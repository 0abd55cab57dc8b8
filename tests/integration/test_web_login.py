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
                      "expect_selector": "#dashboard", "timeout": 6}

    def submitted(self, who):
        """When a page submitted a form."""
        return [r["at"] for r in self.web.requests() if r["method"] == "POST" and f"who={who}" in r["query"] + r["headers"].get(
            "Referer", "")]

    def watch(self, streams):
        """Fails if a log-in form is seen."""
        for stream in streams:
            cells = self.cells(stream)
            self.assertFalse(cells and cells.mark == FORM_MARK, f"{stream} shows a log-in form")

    def test_forms(self):
        other = f"http://127.0.0.1:{self.web.other}"
        pages = {
            "form": ("/private?who=form", self.login),
            "moved": ("/private?move&who=moved", self.login),
            "script": ("/private-script?who=script", self.login),
            "wrong": ("/private?who=wrong", {**self.login, "password_file": self.write("wrong", "not it\n")}),
            "foreign": (f"/login?who=foreign&action={urllib.parse.quote(other + '/steal')}", self.login),
            "elsewhere": (f"/redirect?to={urllib.parse.quote(other + '/login?who=elsewhere')}", self.login),
            "missing": ("/counter?who=missing", {"expect_selector": "#nowhere", "timeout": 4}),
        }
        self.start(pages, interval=0.5)
        shown = ("form", "moved", "script")
        for name in shown:
            self.wait_picture(name, 40)
            self.wait_cells(lambda c: c.mark == 0 and abs(webharness.count_now() - c.count) < 100, 10, "what is behind the form", name)
        for name in ("wrong", "foreign", "elsewhere", "missing"):
            self.wait_failed(name, timeout=40)
            self.watch((name,))
            self.assertEqual(self.frames_complete(name), 0, name)
        self.wait_said(r"capture missing: .*#nowhere")
        for name in (*shown, "wrong"):
            self.assertEqual(len(self.submitted(name)), 1, name)

        # the session ends: failed until it is logged in again, a minute after the last time at the earliest
        self.web.control("end-sessions")
        ended = time.monotonic()
        for name in shown:
            self.wait_fresh(lambda f: f["source"] != "ok" or f["state"] != "live", 15, "not live", name)

        def again():
            self.watch(pages)
            return all(len(self.submitted(name)) >= 2 for name in shown)
        harness.wait_until(again, 75, lambda: f"a second log-in: {[(n, len(self.submitted(n))) for n in shown]}")
        for name in shown:
            self.wait_picture(name, 40)
        self.watch(pages)
        print(f"logged in again {time.monotonic() - ended:.0f} s after the session's end")
        for name in (*shown, "wrong"):
            times = self.submitted(name)
            self.assertLessEqual(len(times), 2, name)
            for before, after in zip(times, times[1:]):
                self.assertGreater(after - before, 58, f"{name}: seconds from log-in to log-in")
        for request in self.web.requests(port=self.web.other):
            self.assertNotIn("Sesame", str(request))
            self.assertNotEqual(request["path"], "/steal")
        self.assertNotIn("Sesame", self.ddsend.log())


class ExpectTest(webharness.Test):
    def test_what_is_expected_goes_and_comes(self):
        self.show("/element", expect_selector="#box", timeout=4)
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

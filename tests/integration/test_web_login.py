"""Log-in forms are filled in on the page's own origin only."""
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


class OriginTest(LoginTest):
    def test_other_origins(self):
        """A form at an address of its own; one that leads to another origin, and one that is there."""
        other = f"http://127.0.0.1:{self.web.other}"
        self.start({
            "moved": ("/private?move&who=moved", self.login),
            "foreign": (f"/login?who=foreign&action={urllib.parse.quote(other + '/steal')}", self.login),
            "passed": ("/login?who=passed&action=/pass-on", self.login),
            "elsewhere": (f"/redirect?to={urllib.parse.quote(other + '/login?who=elsewhere')}", self.login),
        }, interval=0.5)
        self.check_logged_in(("moved",))
        for name in ("foreign", "elsewhere"):
            self.wait_failed(name, timeout=40)
            self.wait_said(rf"capture {name}: .*another origin")
            self.assertEqual(self.frames_complete(name), 0, name)
        self.wait_failed("passed", timeout=40)
        self.wait_said(r"capture passed: .*another origin")
        self.assertTrue(any("Sesame" in r["body"] for r in self.web.requests("/pass-on")))
        for request in self.web.requests(port=self.web.other):
            self.assertNotIn("Sesame", str(request))
            self.assertNotEqual(request["path"], "/steal")
        self.assertNotIn("Sesame", self.ddsend.log())


if __name__ == "__main__":
    harness.main()

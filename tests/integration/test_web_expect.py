"""A log-in form elsewhere gets no password; a page without what is expected of it is none."""
import urllib.parse

import harness
import test_web_login
import webharness


class OriginTest(test_web_login.LoginTest):
    test_forms = None

    def test_other_places(self):
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

    def test_what_changed_meanwhile(self):
        """Nothing else changes when it is right again: the picture from before is not taken for the present one."""
        self.start({"often": ("/expected", {"interval": 0.2}), "seldom": ("/expected", {"interval": 2})}, expect_selector="#expected",
                   timeout=15)
        for name in self.names:
            self.wait_picture(name)
        # for longer than a page that draws itself afresh, but not until it fails
        self.web.set(mark=3, shown=0)
        self.wait_seconds(5)
        for name in self.names:
            self.assertEqual(self.cells(name).mark, 0, name)
        self.web.set(shown=1)
        for name in self.names:
            self.wait_cells(lambda c: c.mark == 3, 12, "what changed meanwhile", name)
        # until it fails
        self.web.set(mark=5, shown=0)
        for name in self.names:
            self.wait_fresh(lambda f: f["source"] != "ok", 40, "not ok", name)
            self.assertEqual(self.cells(name).mark, 3, name)
        self.web.set(shown=1)
        for name in self.names:
            self.wait_picture(name, 45)
            self.assertEqual(self.cells(name).mark, 5, name)


if __name__ == "__main__":
    harness.main()

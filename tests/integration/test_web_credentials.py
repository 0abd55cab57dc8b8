"""Passwords and headers reach the page's own origin and nobody else, and are seen nowhere."""
import base64
import os
import re

import harness
import webharness

USER, PASSWORD, TOKEN = "viewer", "Sesame:3141 ü%", "Token-2718-28182"


def authorization(request):
    return request["headers"].get("Authorization")


class CredentialsTest(webharness.Test):
    def setUp(self):
        super().setUp()
        self.web.set(user=USER, password=PASSWORD)
        self.secret = {"username": USER, "password_file": self.write("password", PASSWORD + "\n")}
        self.header = {"headers_file": self.write("headers", f"X-Plant-Token: {TOKEN}\nX-Second: 2\n")}

    def check_secrets(self):
        """Neither password nor token is in a log, in ps, in an environment or in a file of a browser."""
        encoded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        secrets = [s.encode() for s in (PASSWORD, TOKEN, encoded)]
        pids = [self.ddsend.pid, *harness.children(self.ddsend.pid)]
        self.assertTrue(self.browser(), "there are browsers")
        places = {"the log": self.ddsend.log().encode()}
        for pid in pids:
            for file in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{file}", "rb") as f:
                        places[f"{file} of {harness.title(pid)[:80]}"] = f.read()
                except OSError:
                    pass
        for profile in self.folders:
            self.assertEqual(os.stat(profile).st_mode & 0o077, 0, f"{profile} is private")
            for folder, _, files in os.walk(profile):
                for name in files:
                    try:
                        with open(os.path.join(folder, name), "rb") as f:
                            places[os.path.join(folder, name)] = f.read()
                    except OSError:
                        pass  # gone meanwhile
        for place, text in places.items():
            for secret in secrets:
                self.assertNotIn(secret, text, place)

    def test_basic(self):
        quoted = "Sesame%3A3141%20%C3%BC%25"
        self.start({"right": ("/basic", self.secret),
                    "in-url": (f"http://{USER}:{quoted}@127.0.0.1:{self.web.port}/basic?in-url", {}),
                    "wrong": ("/basic?wrong", {"username": USER, "password": "not it"}),
                    "none": ("/basic?none", {})}, timeout=8)
        for name in ("right", "in-url"):
            self.wait_picture(name)
            self.assertIsNotNone(self.cells(name))
        for name in ("wrong", "none"):
            self.wait_failed(name, "wrong user name or password")
            self.wait_said(rf"capture {name}: .*(?i:user.*password)")
            self.assertEqual(self.frames_complete(name), 0)
        self.wait_seconds(4)
        tries = [r for r in self.web.requests("/basic") if r["query"] == "wrong" and authorization(r)]
        self.assertEqual(len(tries), 1, "a refused password is not tried again and again")
        self.assertEqual([r for r in self.web.requests("/basic") if r["query"] == "none" and authorization(r)], [])
        self.assertNotIn(quoted, self.ddsend.log())
        self.check_secrets()

    def test_a_password_that_is_changed(self):
        """It is refused from some time on: said at the next load, and not tried again there."""
        self.show("/basic", **self.secret, reload_interval="2", timeout=5)
        self.web.set(password="another")
        self.wait_fresh(lambda f: f["source"] != "ok", 60, "not ok")
        self.wait_said(r"capture page: .*(?i:user.*password)")
        before = len([r for r in self.web.requests("/basic") if authorization(r)])
        self.wait_seconds(3)
        after = len([r for r in self.web.requests("/basic") if authorization(r)])
        self.assertLessEqual(after - before, 1)
        self.assertIsNotNone(self.cells(), "the refusal is no picture")

    def test_only_for_the_own_origin(self):
        """Parts of another origin, redirects there, and a page that is redirected there."""
        other = f"http://127.0.0.1:{self.web.other}"
        self.start({"parts": ("/parts", {**self.secret, **self.header}),
                    "redirected": (f"/redirect?to={other}/counter", {**self.secret, **self.header}),
                    "asked": (f"/redirect?to={other}/basic", {**self.secret, **self.header, "timeout": 5}),
                    "asked-at-once": (f"/redirect?to={other}/basic&code=307", {**self.secret, "timeout": 5})})
        self.wait_picture("parts")
        wanted = ("/part.css", "/part.png", "/part.html", "/part.js", "/part.json", "/redirected.json", "/basic/part.png",
                  "/basic/part.json", "/basic/redirected.png", "/framed", "/basic/framed.png", "/basic/framed.json", "/worker.json",
                  "/beacon", "/counter", "/basic")
        harness.wait_until(lambda: {r["path"] for r in self.web.requests(port=self.web.other)} >= set(wanted), 25,
                           lambda: f"what the other origin is asked for: {[r['path'] for r in self.web.requests(port=self.web.other)]}")
        harness.wait_until(lambda: any(authorization(r) for r in self.web.requests("/basic/own.png")), 10,
                           "a password for a part of the own origin")
        self.wait_seconds(2)
        for request in self.web.requests():
            names = {name.lower() for name in request["headers"]}
            if request["port"] == self.web.other:
                self.assertFalse(names & {"authorization", "x-plant-token", "x-second"}, request)
                self.assertNotRegex(str(request), re.escape(TOKEN))
            elif request["path"] in ("/parts", "/own.png", "/own.json", "/redirect", "/basic/own.png"):
                if "asked-at-once" not in str(request) and request["query"].find("307") < 0:
                    self.assertEqual(request["headers"].get("X-Plant-Token"), TOKEN, request["path"])
        self.check_secrets()

    def test_headers(self):
        """They come with every request to the own origin; a page that needs them is shown."""
        self.web.set(password="x")
        basic = base64.b64encode(f"{USER}:x".encode()).decode()
        self.start({"page": ("/basic", {"headers_file": self.write("auth", f"Authorization: Basic {basic}\n")})})
        self.wait_picture()
        self.assertIsNotNone(self.cells())
        self.assertEqual({authorization(r) for r in self.web.requests("/basic")}, {"Basic " + basic})

    def check_refused(self, words, *arguments):
        self.refused("ddsend", "--mode", "web", "--source", self.web.url("/"), "--cloud-ip", "127.0.0.1", "--cloud-port", 9,
                     "--key-file", self.key_file(), "--check-config", *arguments, names=[words])

    def test_what_is_refused_at_start(self):
        self.check_refused(r"open-headers", "--headers-file", self.write("open-headers", "X-A: b\n", 0o644))
        self.check_refused(r"no-headers", "--headers-file", self.path("no-headers"))
        for text in ("no colon\n", "X A: b\n", ": b\n", "X-A: b\x01c\n"):
            self.check_refused(r"--headers-file", "--headers-file", self.write("bad-headers", text))


if __name__ == "__main__":
    harness.main()

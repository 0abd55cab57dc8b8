"""Pages that cannot be loaded: the state is failed, with the reason, and no picture is sent."""
import harness
import webharness

# path: (reasons that the receiver may be told, words in the log)
TROUBLE = {
    "dns": ("http://nonexistent.invalid/", {"source unreachable"}, r"nonexistent\.invalid"),
    "refused": ("http://127.0.0.1:{closed}/", {"source unreachable"}, r"127\.0\.0\.1:{closed}"),
    "not-found": ("/status/404", {"no such path"}, r"404"),
    "gone": ("/status/410", {"no such path"}, r"410"),
    "broken": ("/status/500", {"cannot be read", "source unreachable"}, r"500"),
    "busy": ("/status/503", {"cannot be read", "source unreachable"}, r"503"),
    "forbidden": ("/status/403", {"wrong user name or password", "no such path"}, r"403"),
    "who": ("/status/401?challenge=1", {"wrong user name or password"}, r"username.*password"),
    "cut": ("/cut", {"source unreachable", "cannot be read", "connection closed by the source"}, r"/cut"),
    "never": ("/never", {"no picture in time"}, r"within \d+ s|in time"),
    "download": ("/file.bin", {"picture cannot be sent"}, r"file\.bin"),
    "redirected": ("/redirect?to=/status/404", {"no such path"}, r"404"),
}


class ErrorsTest(webharness.Test):
    def check(self, *names):
        """So few at once that they don't wait for each other's browsers."""
        closed = harness.free_port()
        self.start({name: (TROUBLE[name][0].format(closed=closed), {"timeout": 6 if name == "never" else 25}) for name in names},
                   interval=1)
        for name in names:
            _, reasons, words = TROUBLE[name]
            with self.subTest(name):
                fresh = self.wait_fresh(lambda f: f["source"] == "failed" and f["reason"], 60, "failed", name)
                self.assertIn(fresh["reason"], reasons)
                self.assertEqual((fresh["state"], fresh["sender"], fresh["frame"]), ("stale", "alive", None))
                self.wait_said(rf"capture {name}: .*" + words.format(closed=closed), 5)
        for name in names:
            self.assertEqual(self.frames_complete(name), 0, name)
        self.browser()

    def test_servers(self):
        self.check("dns", "refused", "cut", "never")

    def test_answers(self):
        self.check("not-found", "gone", "broken", "busy")

    def test_more_answers(self):
        self.check("forbidden", "who", "download", "redirected")

    def test_a_page_that_goes_to_an_error(self):
        """By itself, later: that error is no picture either, and the page comes back."""
        places = {"error": "/status/500", "refused": f"http://127.0.0.1:{harness.free_port()}/"}
        self.start({"page": ("/follow", {"timeout": 5})})
        self.wait_picture()
        for what in ("error", "refused"):
            with self.subTest(what):
                self.wait_cells(lambda c: True, 40, "the page")
                self.web.set(go=places[what])
                self.wait_fresh(lambda f: f["source"] != "ok", 20, "not ok")
                self.assertIsNotNone(self.cells(), "the last picture is of the page")
                self.web.set(go="")
                self.wait_picture(timeout=45)
                self.wait_cells(lambda c: abs(webharness.count_now() - c.count) < 100, 10, "the page of now")
        self.wait_said(r"capture page: .*500")

    def test_what_is_no_web_page(self):
        for source in ("file:///etc/hostname", "chrome://version", "javascript:alert(1)", "data:text/html,x", "ftp://127.0.0.1/",
                       "127.0.0.1", "http://", "about:blank"):
            self.refused("ddsend", "--mode", "web", "--source", source, "--cloud-ip", "127.0.0.1", "--cloud-port", 9, "--key-file",
                         self.key_file(), "--check-config", names=[r"--source", r"https?://"])

    def test_a_server_that_comes_late(self):
        port = harness.free_port()
        self.start({"page": (f"http://127.0.0.1:{port}/counter", {"timeout": 5})})
        self.wait_failed(reason="source unreachable")
        late = webharness.WebServer(self, "--port", port)
        self.wait_picture(timeout=45)
        self.assertIsNotNone(self.cells())
        late.stop()
        # the page itself goes on counting without its server: it is open, and shown
        self.wait_cells(lambda c: abs(webharness.count_now() - c.count) < 50, 10, "a page that still counts")


if __name__ == "__main__":
    harness.main()

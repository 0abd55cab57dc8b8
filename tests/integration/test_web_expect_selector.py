"""A page without the element of expect_selector is not shown."""
import harness
import webharness


class ExpectTest(webharness.Test):
    def test_what_is_expected_goes_and_comes(self):
        self.start({"page": ("/element", {"expect_selector": "#box", "timeout": 10}),
                    "missing": ("/counter?who=missing", {"expect_selector": "#nowhere", "timeout": 8})})
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
                   timeout=10)
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

"""Pages that hang, and pages that take memory for ever: their browser is replaced."""
import re

import harness
import webharness


class CareTest(webharness.Test):
    def test_a_hung_page_is_replaced(self):
        self.show("/loop?after=3", timeout=4, receive={"live_seconds": 1})
        first = self.cells().load
        self.wait_cells(lambda c: webharness.count_now() - c.count > 50, 20, "a page that hangs")
        hung = webharness.of_kind(self.browser(), "renderer")
        self.wait_fresh(lambda f: f["source"] in ("failed", "connecting"), 4 + 5, "not ok", "page")
        self.wait_cells(lambda c: c.load > first, 40, "a new one")
        self.wait_fresh(lambda f: f["state"] == "live", 10, "live again", "page")
        self.assertTrue(set(webharness.of_kind(self.browser(), "renderer")) - set(hung), "a renderer that does not hang")
        self.assertLessEqual(len(webharness.of_kind(self.browser(), "renderer")), 3)

    def test_a_hung_page_with_something_that_moves(self):
        """What moves without the page's scripts does not make it a page that lives."""
        self.show("/loop-moving", timeout=4, interval=0.1, receive={"live_seconds": 1})
        first = self.cells().load
        self.wait_fresh(lambda f: f["source"] != "ok", 25, "not ok", "page")
        self.wait_cells(lambda c: c.load > first, 40, "a new one")

    def test_memory_before_it_has_loaded(self):
        self.start({"page": ("/allocate-loading", {"timeout": 60, "browser_memory": "300Mi"})})
        self.wait_failed(timeout=45)
        self.wait_said(r"capture page: .*browser_memory")

    def test_memory(self):
        """A page that takes memory for ever gets a new browser before browser_memory is far exceeded; viewers see no gap."""
        limit = 400
        self.show("/allocate?megabytes=30", browser_memory=f"{limit}Mi", interval=0.1)
        first = self.wait_cells(lambda c: True, 10, "cells").load
        viewer = self.watch()
        most = [0]

        def replaced():
            used = 0
            for pid in self.browser():
                try:
                    with open(f"/proc/{pid}/smaps_rollup") as f:
                        used += int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M).group(1)) // 1024
                except (OSError, AttributeError):
                    pass
            most[0] = max(most[0], used)
            self.assertEqual(self.receiver.freshness("page")["source"], "ok")
            cells = self.cells()
            return cells and cells.load > first
        harness.wait_until(replaced, 60, lambda: f"a replacement; {most[0]} MiB were used; log: {self.ddsend.log()[-2000:]}")
        self.wait_seconds(3)
        pictures = viewer.stop()
        cells = webharness.read_series([jpeg for _, jpeg in pictures])  # every picture is of the page
        print(f"at most {most[0]} MiB of both; longest gap {webharness.longest_gap(pictures):.2f} s")
        self.assertEqual([c.load for c in cells], sorted(c.load for c in cells), "never back to the old page")
        self.assertLess(webharness.longest_gap(pictures), 3 * harness.stretch())
        self.assertLess(most[0], 2 * limit * harness.stretch())  # the page goes on taking more while a busy machine starts a browser
        self.wait_said(r"capture page: .*MiB.*another")
        harness.wait_until(lambda: len(webharness.of_kind(self.browser(), "")) <= 1, 10, "one browser")

    def test_memory_that_runs_away(self):
        """Faster than a new browser helps: it is ended, that is said, and the page comes back."""
        self.show("/allocate?megabytes=150", browser_memory="300Mi", interval=0.5)
        first = self.wait_cells(lambda c: True, 10, "cells").load
        self.wait_fresh(lambda f: f["source"] != "ok", 30, "not ok")
        self.wait_said(r"capture page: .*browser_memory")
        self.wait_cells(lambda c: c.load > first, 45, "the page again")


if __name__ == "__main__":
    harness.main()

"""Reloads of a page: without a gap, when they are due; reloads that fail, and documents that never end loading."""
import harness
import webharness


class ReloadTest(webharness.Test):
    def check_moves(self, stream="page", within=15):
        first = self.wait_cells(lambda c: True, within, "cells", stream)
        self.wait_cells(lambda c: c.count >= first.count + 25, within, "movement", stream)

    def test_reload_without_a_gap(self):
        self.show("/counter", interval=0.1, reload_interval="2")
        series = self.collect(7)
        cells = webharness.read_series([jpeg for _, jpeg in series])  # no picture without its cells: nothing half loaded
        loads = [c.load for c in cells]
        self.assertEqual(loads, sorted(loads), "never back to the old page")
        self.assertIn(loads[-1] - loads[0], (2, 3, 4), f"loads in 7 s: {sorted(set(loads))}")
        self.assertLess(webharness.longest_gap(series), 2 * harness.stretch(), "longest time without a picture")
        self.assertLessEqual(len(webharness.of_kind(self.browser(), "renderer")), 3, "old tabs are closed")

    def test_when_it_is_not_reloaded(self):
        self.start({"never": ("/mark", {"reload_interval": "0"}), "auto": ("/counter", {"reload_interval": "auto"})})
        for name in self.names:
            self.wait_picture(name)
        self.wait_seconds(12)
        for path in ("/mark", "/counter"):
            self.assertEqual(len(self.web.requests(path)), 1, path)

    def test_a_reload_asks_the_server(self):
        """Also for what the browser was told to keep."""
        self.show("/cached", interval=0.1, reload_interval="2")
        self.wait_cells(lambda c: c.load >= 3, 20, "a second reload")

    def test_a_document_that_never_ends(self):
        """The page goes there by itself; meanwhile there is nothing to be done for it."""
        self.show("/follow", interval=0.1, timeout=15, refresh_interval=0)
        self.web.set(go="/endless")
        harness.wait_until(lambda: self.web.requests("/endless"), 10, "the next document")
        self.wait_seconds(2)
        before, frames = webharness.cpu_seconds([self.capture()]), self.frames_complete()
        self.wait_seconds(4)
        self.assertEqual(self.frames_complete(), frames, "pictures of a document that loads")
        self.assertLess(webharness.cpu_seconds([self.capture()]) - before, 1, "CPU of 4 s in which it loads")

    def test_a_reload_that_fails(self):
        self.show("/switch", reload_interval="2", timeout=5)
        self.web.set(status=500)
        self.wait_fresh(lambda f: f["source"] != "ok", 60, "not ok")
        self.wait_said(r"capture page: .*500")
        self.assertIsNotNone(self.cells(), "the error is no picture")
        self.web.set(status=200)
        self.wait_picture(timeout=45)
        self.wait_cells(lambda c: abs(webharness.count_now() - c.count) < 60, 10, "the page of now")

    def test_a_page_that_never_ends_loading(self):
        """An endless part delays a page for timeout at most; an endless page is never shown, and said to be one."""
        self.start({"part": ("/endless-part", {"timeout": 4}), "whole": ("/endless", {"timeout": 4})})
        self.wait_picture("part", 25)
        self.check_moves("part")
        self.wait_failed("whole", timeout=25)
        self.wait_said(r"capture whole: .*loading")


if __name__ == "__main__":
    harness.main()

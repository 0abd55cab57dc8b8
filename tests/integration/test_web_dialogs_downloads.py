"""Dialogs, windows and downloads of a page do not stop its pictures, and leave nothing behind."""
import os

import harness
import webharness


class DialogsTest(webharness.Test):
    def check_moves(self, stream="page", within=15):
        first = self.wait_cells(lambda c: True, within, "cells", stream)
        self.wait_cells(lambda c: c.count >= first.count + 25, within, "movement", stream)

    def test_dialogs(self):
        self.show("/alerts", interval=0.1, reload_interval="2")
        first = self.wait_cells(lambda c: True, 10, "cells")
        self.wait_cells(lambda c: (c.mark - first.mark) % 256 > 5, 20, "dialogs that are dismissed")
        self.wait_cells(lambda c: c.load > first.load, 20, "a reload, though the page asks whether to leave")

    def test_windows(self):
        self.show("/popups", interval=0.1)
        self.check_moves()
        self.wait_seconds(4)
        self.check_edges(self.picture(), "of the page, not of a window that it opened")
        self.check_moves()
        # windows of one page share its process: whether one is left is seen by what it asks for
        beats = [r["at"] for r in self.web.requests("/beat")]
        self.wait_seconds(2)
        self.assertEqual([r["at"] for r in self.web.requests("/beat")][len(beats):], [], "windows that are still open")
        harness.wait_until(lambda: len(webharness.of_kind(self.browser(), "renderer")) <= 3, 10,
                           lambda: f"few renderers: {self.browser()}")
        self.assertEqual({c.load for c in [self.cells()]}, {1})

    def test_downloads(self):
        temporary = self.path("tmp")  # of ddsend's own: that of the system is other tests', too
        os.mkdir(temporary)
        os.chmod(temporary, 0o1777)
        self.start({"page": ("/downloads", {"interval": 0.1})}, env={"TMPDIR": temporary})
        self.wait_picture()
        self.check_moves()
        harness.wait_until(lambda: any(r["query"] == "location" for r in self.web.requests("/file.bin")), 10, "downloads asked for")
        self.wait_seconds(1)
        self.check_moves()
        home = os.path.expanduser("~ddsend-capture")  # of the capture role, if it has one
        self.assertEqual(len(os.listdir(temporary)), 1, "the folder of the browser")
        for place in (self.folder, home, os.path.expanduser("~/Downloads")):
            for folder, folders, files in os.walk(place):
                folders[:] = [f for f in folders if not os.path.islink(os.path.join(folder, f)) and folder.count("/") < 8]
                self.assertEqual([f for f in files if "dd-download" in f or f.endswith(".crdownload")], [], folder)
        for place in ("/tmp", os.path.expanduser("~")):
            self.assertEqual([f for f in os.listdir(place) if "dd-download" in f], [], place)
        self.browser()


if __name__ == "__main__":
    harness.main()

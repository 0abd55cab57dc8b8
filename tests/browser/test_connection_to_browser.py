"""Pictures that stop or are late between server and browser are marked, though the stream is live at the server."""
import os
import sys

import chrome
from chrome import Chrome, harness

sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "support"))
from http_relay import HttpRelay  # noqa: E402

SHOWN_S = 3  # a page shows a change within this


class ConnectionTest(chrome.Test):
    def watch(self, receiver):
        """Opens the page through a relay."""
        relay = HttpRelay(receiver.http_port)
        self.addCleanup(relay.stop)
        page = Chrome(self, allowed=chrome.NETWORK)
        page.get(relay.port, "/cam")
        return relay, page

    def moving(self):
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        relay, page = self.watch(receiver)
        page.wait_words("^Live", 5)
        page.wait_movement()
        return receiver, relay, page

    def assert_live(self, receiver):
        self.assertEqual(receiver.freshness("cam")["state"], "live")

    def test_a_moving_picture_stalls(self):
        receiver, relay, page = self.moving()
        relay.held = True
        page.wait_words("^(Connection to this browser stalled|Picture is late)", SHOWN_S)
        page.wait_words("^Connection to this browser stalled", SHOWN_S)
        self.assertEqual(page.script("return document.body.dataset.state"), "stalled")
        self.assertRegex(page.text("#mark"), r"stalled · for \d")
        self.assert_live(receiver)
        page.screenshot("connection-stalled")
        # it tries again by itself, and still says so
        harness.wait_until(lambda: relay.streams >= 2, 12, "another connection")
        self.assertRegex(page.words(), "^Connection to this browser stalled")
        relay.held = False
        page.wait_words("^Live", 3)
        page.wait_movement()
        receiver.wait_stats(lambda s: s["viewers"] == 1, 5, "one viewer", "cam")

    def test_a_still_picture_stalls(self):
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key, "--interval", "3600")
        receiver.wait_live("cam")
        relay, page = self.watch(receiver)
        page.wait_words("^Live", 5)
        relay.held = True
        page.wait_words("^Connection to this browser stalled", SHOWN_S)
        self.assert_live(receiver)
        relay.held = False
        page.wait_words("^Live", 3)

    def test_a_picture_is_late(self):
        receiver, relay, page = self.moving()
        relay.delay = 2
        page.wait_words("^Picture is late on its way to this browser", SHOWN_S)
        page.screenshot("connection-late")
        harness.wait_until(lambda: page.text("#age").replace("\u00a0", " ").endswith("s behind"), 3, "how much")
        # old pictures move, and are never shown as live
        seen = set()

        def four():
            words, pixels = page.script("return [document.getElementById('words').textContent, "
                                        "document.getElementById('picture').toDataURL()]")
            self.assertRegex(words, "^Picture is late")
            seen.add(pixels)
            return len(seen) > 3
        harness.wait_until(four, 20, "four pictures")
        self.assert_live(receiver)
        relay.delay = 0
        page.wait_words("^Live", 3)

    def test_each_refusal_is_said_as_what_it_is(self):
        """Of something between the server and this browser."""
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        relay = HttpRelay(receiver.http_port)
        self.addCleanup(relay.stop)
        page = Chrome(self, allowed="Failed to load resource")
        relay.statuses = {"/stream": 503}
        page.get(relay.port, "/cam")
        page.wait_words(r"^The proxy refuses for now \(503\)$", SHOWN_S)
        self.assertEqual(page.script("return document.body.dataset.state"), "stalled")
        page.screenshot("proxy-refuses-pictures")
        relay.statuses = {}
        page.wait_words("^Live", 10)
        for status, words in ((401, "Log-in needed — reload this page"), (302, "Log-in needed — reload this page"),
                              (502, r"The proxy has no contact with the server \(502\)"), (403, "Not allowed to see this"),
                              (503, r"The proxy refuses for now \(503\)"), (200, "Something else answers at this address")):
            relay.statuses = {"/freshness": status}
            page.wait_words(f"^{words}$", SHOWN_S)
        page.screenshot("something-else-answers")
        relay.statuses = {}
        page.wait_words("^Live", 5)

    def test_a_picture_that_takes_long_arrives(self):
        """The picture takes longer than a connection may be silent."""
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key, "--interval", "3600")
        receiver.wait_live("cam")
        relay = HttpRelay(receiver.http_port)
        self.addCleanup(relay.stop)
        relay.rate = len(receiver.get("/cam/snapshot.jpg").body) // 8
        page = Chrome(self)
        page.get(relay.port, "/cam")
        page.wait_words("^Picture is late", 5)
        self.assertEqual(page.text("#empty"), page.words())
        harness.wait_until(page.shows_picture, 15, "the picture")
        page.wait_words("^Live", 3)
        self.assertEqual(relay.streams, 1)


class ViewersTest(chrome.Test):
    def test_too_many_viewers(self):
        receiver = self.receive(server={"max_viewers": 1}, live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self, allowed=chrome.NETWORK)
        with harness.Mjpeg(receiver.http_port, "/cam/stream") as other:
            next(other)
            page.get(receiver.http_port, "/cam")
            page.wait_words("^Too many viewers — trying again$", 3)
            page.screenshot("too-many-viewers")
        page.wait_words("^Live", 20)
        page.wait_movement()


if __name__ == "__main__":
    harness.main()

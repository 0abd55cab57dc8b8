"""A hidden tab loads no pictures but goes on watching the state. It is live at once when it becomes visible."""
import chrome
from chrome import Chrome, harness


class HiddenTest(chrome.Test):
    def hide(self, page):
        """Puts another tab in front, so that the browser itself sets document.visibilityState."""
        page.cdp("Target.createTarget", url="about:blank")
        harness.wait_until(lambda: page.script("return document.visibilityState") == "hidden", 5, "a hidden tab")

    def show(self, page):
        page.cdp("Page.bringToFront")
        harness.wait_until(lambda: page.script("return document.visibilityState") == "visible", 5, "a visible tab")

    def wait_viewers(self, receiver, count):
        receiver.wait_stats(lambda s: s["viewers"] == count, 3, f"{count} viewers", "cam")

    def test_a_hidden_tab(self):
        receiver = self.receive()
        sender = self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live", 5)
        page.wait_movement()
        self.wait_viewers(receiver, 1)

        self.hide(page)
        self.wait_viewers(receiver, 0)
        self.assertRegex(page.driver.title, "Live$")

        # only the title of a hidden tab is visible
        sender.stop()
        receiver.wait_freshness(lambda f: f["state"] == "stalled", 20, "stalled", "cam")
        harness.wait_until(lambda: "⚠ cam · Stalled" in page.driver.title, 3, lambda: f"the state in {page.driver.title}")
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        harness.wait_until(lambda: page.driver.title == "cam · Live", 3, lambda: f"the state in {page.driver.title}")
        self.assertEqual(receiver.stats("cam")["viewers"], 0)

        # the old picture is never shown as live
        before = page.pixels()
        page.watch_words()
        self.show(page)
        harness.wait_until(lambda: page.pixels() != before, 1, "the live picture at once")
        self.assertFalse({words for words in page.watched_words() if words.startswith("Live")})
        page.wait_words("^Live", 1)
        self.wait_viewers(receiver, 1)
        page.wait_movement()

    def test_a_tab_that_is_opened_in_the_background(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self)
        self.hide(page)
        page.get(receiver.http_port, "/cam")
        harness.wait_until(lambda: page.driver.title == "cam · Live", 3, lambda: f"the state in {page.driver.title}")
        self.assertEqual(receiver.stats("cam")["viewers"], 0)
        self.show(page)
        page.wait_words("^Live", 2)
        page.wait_movement()


class SleepTest(chrome.Test):
    """A computer that slept, simulated by a jump of the clock: the page asks again."""

    def test_the_time_of_day_jumps(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        page = Chrome(self)
        page.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
            const now = Date.now;
            window.jump = 0;
            Date.now = () => now() + window.jump;""")
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live", 5)
        page.script("""
            window.seenWords = [];
            const words = document.getElementById("words");
            new MutationObserver(() => seenWords.push(words.textContent)).observe(words, {childList: true});""")
        for jump, noticed in ((3600e3, True), (-7200e3, False)):
            page.script("seenWords.length = 0; window.jump += arguments[0]", jump)
            if noticed:
                harness.wait_until(lambda: page.script("return seenWords[0]") in ("Connecting", "Loading the picture"), 2,
                                   lambda: page.script("return seenWords"))
            page.wait_movement()
            page.wait_words("^Live", 3)
            self.assertLess(float(page.text("#age").split()[0].strip("·s\u00a0 ") or 0), 3 * harness.stretch())
        if harness.stretch() < 2:  # else pictures are late, and it says so
            self.assertEqual(page.script("return seenWords"), [], "a clock that is set back changes nothing")
        receiver.wait_stats(lambda s: s["viewers"] == 1, 5, "one viewer", "cam")


if __name__ == "__main__":
    harness.main()

"""A tab that nobody sees: it loads no pictures, goes on watching the state, and is live at once when it is looked at."""
import chrome
from chrome import Chrome, harness


class HiddenTest(chrome.Test):
    def hide(self, page):
        """Another tab in front, as a person would: the page's document.visibilityState is the browser's own."""
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

        # the title is what is seen of it
        sender.stop()
        receiver.wait_freshness(lambda f: f["state"] == "stalled", 20, "stalled", "cam")
        harness.wait_until(lambda: "⚠ cam · Stalled" in page.driver.title, 3, lambda: f"the state in {page.driver.title}")
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        harness.wait_until(lambda: page.driver.title == "cam · Live", 3, lambda: f"the state in {page.driver.title}")
        self.assertEqual(receiver.stats("cam")["viewers"], 0)

        # the picture from before is never taken for a live one
        before = page.pixels()
        page.remember_picture()
        self.show(page)
        harness.wait_until(lambda: page.pixels() != before, 1, "the live picture at once")
        self.assertFalse({words for words in page.words_of_old_picture() if words.startswith("Live")})
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
    """A computer that slept, by a clock that jumps: what was known before is asked for again."""

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
            window.told = [];
            const words = document.getElementById("words");
            new MutationObserver(() => told.push(words.textContent)).observe(words, {childList: true});""")
        for jump, told in ((3600e3, True), (-7200e3, False)):
            page.script("told.length = 0; window.jump += arguments[0]", jump)
            if told:
                harness.wait_until(lambda: page.script("return told[0]") in ("Connecting", "Loading the picture"), 2,
                                   lambda: page.script("return told"))
            page.wait_movement()
            self.assertRegex(page.words(), "^Live")
            self.assertLess(float(page.text("#age").split()[0].strip("·s\u00a0 ") or 0), 3 * harness.stretch())
        self.assertEqual(page.script("return told"), [], "a clock that is set back is none of our business")
        receiver.wait_stats(lambda s: s["viewers"] == 1, 5, "one viewer", "cam")


if __name__ == "__main__":
    harness.main()

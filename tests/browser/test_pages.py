"""The pages in a real browser: a real camera's picture moves, and each change of state is shown in words."""
import signal
import socket

import chrome
from chrome import Chrome, harness


class PageTest(chrome.Test):
    def test_a_camera_moves_dies_and_returns(self):
        receiver = self.receive(name="Gate <1> & co", description="<script>alert(1)</script>")
        camera = harness.Camera(self, "--size", "320x240", "--fps", "10")
        self.sender("--mode", "rtsp", "--source", f"rtsp://127.0.0.1:{camera.port}/test", "--interval", "0", "--timeout", "3",
                    "--cloud-ip", "127.0.0.1", "--cloud-port", self.port, "--key-file", self.key)
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        page.wait_movement()
        self.assertEqual(page.text("h1"), "Gate <1> & co")
        self.assertEqual(page.text(".description"), "<script>alert(1)</script>")
        page.screenshot("live")

        camera.stop(number=signal.SIGKILL)
        self.wait_shown(page, receiver, "stalled", "^Stalled")
        page.screenshot("stalled")
        self.wait_shown(page, receiver, "stale", "^Stale")
        self.assertRegex(page.text(".state"), "unreachable|closed")
        page.screenshot("stale")

        harness.Camera(self, "--size", "320x240", "--fps", "10", "--port", camera.port)
        self.wait_shown(page, receiver, "live", "^Live", 60)
        page.wait_movement()

    def test_known_trouble_is_amber_while_the_picture_is_live(self):
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        with open(self.key, encoding="utf-8") as f:
            key = f.read().strip()
        forge = harness.Forge(self, self.port, key)
        forge.frame(harness.make_jpeg(320, 240, "teal"), 7)
        forge.status(7, period_ms=60000)  # not silent soon
        receiver.wait_live("cam")
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live$", 5)
        self.assertEqual((page.text("#cause"), page.driver.title), ("", "cam · Live"))
        forge.status(7, source=3, reason=2, period_ms=60000)
        harness.wait_until(lambda: page.text("#cause") == "wrong user name or password", 3, "the cause")
        self.assertRegex(page.text(".state").replace("\u00a0", " "), r"^Live [0-9.]+ s wrong user name or password$")
        self.assertEqual((page.script("return document.body.dataset.state"), page.driver.title),
                         ("troubled", "⚠ cam · Live · wrong user name or password"))
        amber = page.script("return getComputedStyle(document.getElementById('cause')).color")
        self.assertEqual((amber, page.script("return getComputedStyle(document.querySelector('.dot')).backgroundColor")),
                         ("rgb(242, 184, 75)",) * 2)
        self.assertFalse(page.driver.find_element("css selector", "#mark").is_displayed())
        page.screenshot("live-in-trouble")
        page.driver.find_element("css selector", "#fullscreen").click()  # where the line above the picture is not seen
        harness.wait_until(lambda: page.text("#mark").replace("\u00a0", " ").endswith(" s · wrong user name or password"), 5, "the mark")
        page.screenshot("live-in-trouble-full-screen")
        page.get(receiver.http_port, "/")
        harness.wait_until(lambda: "All live · 1 in trouble" in page.text("body"), 5, "the list's state")
        self.assertRegex(page.text(".tile .state").replace("\u00a0", " "), "^Live [0-9.]+ s wrong user name or password$")
        page.screenshot("list-in-trouble")

    def test_a_still_picture_is_there_at_once(self):
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key, "--interval", "3600")
        receiver.wait_live("cam")
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        harness.wait_until(page.shows_picture, 3, "the only picture")
        page.wait_words("^Live", 3)

    def test_a_stalled_picture_has_one_mark(self):
        """The page marks a picture that has no mark in its pixels. Without scripts the mark is in the pixels."""
        receiver = self.receive(stale_seconds=120)
        sender = self.card(self.port, self.key)
        page = Chrome(self)
        page.get(receiver.http_port, "/cam")
        page.wait_words("^Live")
        sender.stop()
        self.wait_shown(page, receiver, "stalled", "^Stalled")
        page.get(receiver.http_port, "/cam")  # its first picture is a stalled one
        page.wait_words("^Stalled")
        harness.wait_until(page.shows_picture, 5, "the picture")
        self.assertTrue(page.driver.find_element("css selector", "#mark").is_displayed())
        self.assertRegex(page.text("#mark"), "^Stalled — .* · picture [0-9.]+ s old$")
        raw, marked = (self.pixels(page, f"await picture('cam/snapshot.jpg{query}')") for query in ("?raw=1", ""))
        shown = self.pixels(page, "document.getElementById('picture')")
        self.assertTrue(raw != marked and shown == raw, "the page shows the picture without the mark")

        page.cdp("Emulation.setScriptExecutionDisabled", value=True)
        page.get(receiver.http_port, "/cam")
        page.cdp("Emulation.setScriptExecutionDisabled", value=False)  # for the test's own
        width, height = 320, 240
        harness.wait_until(lambda: page.script("return document.querySelector('noscript img')?.naturalWidth") == width, 5, "a picture")
        shown = self.pixels(page, "document.querySelector('noscript img')")
        for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
            self.assertEqual(shown[y * width + x], marked[y * width + x])

    @staticmethod
    def pixels(page, source):
        """Draws source, a JavaScript expression for a picture, in the page. Returns its pixels: a list of (r, g, b)."""
        data = page.driver.execute_async_script("""
            const picture = async (url) => createImageBitmap(await (await fetch(url)).blob());
            (async () => {
                const source = %s;
                const drawing = new OffscreenCanvas(source.naturalWidth || source.width, source.naturalHeight || source.height);
                const context = drawing.getContext("2d");
                context.drawImage(source, 0, 0);
                return [...context.getImageData(0, 0, drawing.width, drawing.height).data];
            })().then(arguments[0], (error) => arguments[0](String(error)));""" % source)
        return [tuple(data[i:i + 3]) for i in range(0, len(data), 4)]

    def test_the_list_shows_every_stream(self):
        receiver = self.receiver_config(
            {name: {"name": f"<script>{name}</script>", "udp_host": "127.0.0.1", "udp_port": harness.free_port(socket.SOCK_DGRAM),
                    "key_file": self.key_file(name)} for name in ("lobby", "gate")})
        page = Chrome(self)
        page.get(receiver.http_port, "/")
        harness.wait_until(lambda: page.text("body").count("No picture yet") == 2, 5, "the streams' states in words")
        page.screenshot("list")
        page.driver.find_element("partial link text", "<script>lobby</script>").click()
        harness.wait_until(lambda: page.driver.current_url.endswith("/lobby"), 5, "the stream's page")
        page.wait_words("^No picture yet", 3)
        page.screenshot("no-picture-yet")


if __name__ == "__main__":
    harness.main()

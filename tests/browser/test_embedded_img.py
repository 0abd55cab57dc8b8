"""The pictures embedded in a page of another site: a plain <img>."""
import http.server
import threading

import chrome
from chrome import Chrome, harness

PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>Somebody's page</title>
<link rel="icon" href="data:,"><body style="margin: 0"><img id="stream" src="{stream}">"""


class Site(http.server.BaseHTTPRequestHandler):
    """Another origin."""
    page = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *unused):
        pass


class EmbedTest(chrome.Test):
    def serve(self, page):
        """Serves page at any path. Returns the port."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Site", (Site,), {"page": page.encode()}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_an_img_moves(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        html = PAGE.format(stream=f"http://127.0.0.1:{receiver.http_port}/cam/stream")
        page = Chrome(self)
        for address in (f"http://localhost:{self.serve(html)}/", "file://" + self.write("page.html", html, 0o644)):
            with self.subTest(address):
                page.driver.get(address)
                page.wait_movement(10, "#stream")
                self.assertEqual(page.script("return document.getElementById('stream').naturalWidth"), 320)

    def test_a_still_picture_is_in_an_img_at_once(self):
        """Not only when it is repeated after a second: browsers show a part once the next boundary has arrived."""
        receiver = self.receive(live_seconds=30, stale_seconds=60)
        self.card(self.port, self.key, "--interval", "3600")
        receiver.wait_live("cam")
        page = Chrome(self)
        page.get(receiver.http_port, "/")  # of the same origin, so that its pixels can be read
        after = page.driver.execute_async_script("""
            const img = document.body.appendChild(new Image());
            const begun = performance.now();
            img.src = "cam/stream";
            const drawing = new OffscreenCanvas(320, 240).getContext("2d", {willReadFrequently: true});
            const look = () => {
                drawing.drawImage(img, 0, 0);
                const pixels = drawing.getImageData(0, 0, 320, 240).data;
                if (pixels[3] && pixels[pixels.length - 1]) arguments[0](performance.now() - begun);
                else requestAnimationFrame(look);
            };
            look();""")
        self.assertLess(after, 700 * harness.stretch(), "ms until the whole picture is there")


if __name__ == "__main__":
    harness.main()

"""The pages behind Caddy: under a sub-path, with the lines of config/Caddyfile, and with a password in the address."""
import os
import re
import signal

import chrome
from chrome import Chrome, harness


PASSWORD_HASH = "$2b$04$Gho1B7hxCnd0vsCJzVPveexKZZ4ls637BphXUjvCmpgPTkuZLfWJy"  # "secret", and quick to check


class ProxyTest(chrome.Test):
    def proxy(self, http_port):
        """Starts Caddy on plain HTTP. Returns its ports: of a site with /plant/ only, and of one with a password."""
        harness.require_program("caddy")
        with open(os.path.join(harness.SOURCE, "config", "Caddyfile"), encoding="utf-8") as f:
            text = f.read()
        block = re.sub(r"^\t# ?", "\t", text[text.index("\t# redir"):text.rindex("}")], flags=re.M)
        self.assertIn("handle_path /plant/*", block)
        port, password_port = harness.free_port(), harness.free_port()
        config = f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{block.replace('unix//run/ddrecv/http.sock', f'127.0.0.1:{http_port}')}\n" \
            f"\thandle {{\n\t\terror 404\n\t}}\n}}\nhttp://127.0.0.1:{password_port} {{\n" \
            f"\tbasicauth {{\n\t\tviewer {PASSWORD_HASH}\n\t}}\n\treverse_proxy 127.0.0.1:{http_port} {{\n\t\tflush_interval -1\n\t}}\n}}\n"
        self.caddy = self.start_caddy(config, port)
        return port, password_port

    def start_caddy(self, config, port):
        home = {"HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}
        caddy = harness.Process(self, ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", config)], env=home)

        def answers():
            try:
                return harness.http_get(port, "/plant/healthz").status == 200
            except OSError:
                return False
        harness.wait_until(answers, 20, "Caddy")
        return caddy

    def test_a_bookmark_with_a_password(self):
        """https://user:password@host/ is how a kiosk opens a page. Browsers refuse fetch() relative to such an address."""
        receiver = self.receive(name="Gate")
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        plain_port, port = self.proxy(receiver.http_port)
        self.assertEqual(harness.http_get(port, "/healthz").status, 401)
        page = Chrome(self, allowed=chrome.NETWORK + "|status of 401")
        page.driver.get(f"http://viewer:secret@127.0.0.1:{port}/")
        harness.wait_until(lambda: "All live" in page.text("body"), 5, lambda: f"the list's state in {page.text('body')}")
        page.driver.find_element("partial link text", "Gate").click()
        page.wait_words("^Live", 5)
        page.wait_movement()
        page.driver.get(f"http://viewer:secret@127.0.0.1:{port}/cam")
        page.wait_words("^Live", 5)
        page.wait_movement()
        # another password: the browser opens its dialog, and answers nothing meanwhile
        self.caddy.stop(number=signal.SIGKILL)  # else it waits for its viewers
        with open(self.path("Caddyfile"), encoding="utf-8") as f:
            config = f.read()
        self.start_caddy(config.replace("viewer $2b", "nobody $2b"), plain_port)
        page.wait_words("^No answer; a log-in may be needed — reload this page$", 6)  # 3 s after the next request
        page.screenshot("another-password")

    def test_a_proxy_without_a_server(self):
        receiver = self.receive()
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        port, _ = self.proxy(receiver.http_port)
        page = Chrome(self, allowed=chrome.NETWORK)
        page.get(port, "/plant/cam")
        page.wait_words("^Live", 5)
        receiver.stop()
        page.wait_words(r"^The proxy has no contact with the server \(502\)$", 3)

    def test_everything_is_under_it(self):
        receiver = self.receive(name="Gate")
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        port, _ = self.proxy(receiver.http_port)
        page = Chrome(self)
        page.get(port, "/plant")  # Caddy adds the slash
        self.assertEqual(page.driver.current_url, f"http://127.0.0.1:{port}/plant/")
        harness.wait_until(lambda: "All live" in page.text("body"), 5, "the list's state")
        page.driver.find_element("partial link text", "Gate").click()
        page.wait_words("^Live", 5)
        self.assertEqual(page.driver.current_url, f"http://127.0.0.1:{port}/plant/cam")
        page.wait_movement()
        self.assertTrue(page.driver.find_element("link text", "Snapshot").get_attribute("href").endswith("/plant/cam/snapshot.jpg"))
        page.driver.find_element("css selector", "a.site").click()
        harness.wait_until(lambda: "All live" in page.text("body"), 5, "the list")

        asked = [url for url in page.requests() if not url.startswith("data:")]
        site = f"http://127.0.0.1:{port}/plant/"
        for path in ("", "cam", "stream.js", "freshness", "cam/freshness", "icon.svg"):
            self.assertIn(site + path, asked)
        self.assertTrue(any(url.startswith(site + "cam/stream") for url in asked))
        self.assertEqual([url for url in asked if not url.startswith(site) and url != site[:-1]], [])
        page.get(port, "/plant/cam/")  # one slash too many
        page.wait_words("^Live", 5)
        self.assertEqual(page.driver.current_url, f"http://127.0.0.1:{port}/plant/cam")


if __name__ == "__main__":
    harness.main()

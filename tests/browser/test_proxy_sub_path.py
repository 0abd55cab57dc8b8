"""The pages under a sub-path, behind Caddy with the sub-path lines of config/Caddyfile."""
import os
import re

import chrome
from chrome import Chrome, harness


class SubPathTest(chrome.Test):
    def proxy(self, http_port):
        """Starts Caddy on plain HTTP, with /plant/ only. Returns its port."""
        harness.require_program("caddy")
        with open(os.path.join(harness.SOURCE, "config", "Caddyfile"), encoding="utf-8") as f:
            text = f.read()
        block = re.sub(r"^\t# ?", "\t", text[text.index("\t# redir"):text.rindex("}")], flags=re.M)
        self.assertIn("handle_path /plant/*", block)
        port = harness.free_port()
        config = f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{block.replace('127.0.0.1:8000', f'127.0.0.1:{http_port}')}\n" \
            "\thandle {\n\t\terror 404\n\t}\n}\n"
        home = {"HOME": self.folder, "XDG_DATA_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}
        harness.Process(self, ["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", config)], env=home)

        def answers():
            try:
                return harness.http_get(port, "/plant/healthz").status == 200
            except OSError:
                return False
        harness.wait_until(answers, 20, "Caddy")
        return port

    def test_everything_is_under_it(self):
        receiver = self.receive(name="Gate")
        self.card(self.port, self.key)
        receiver.wait_live("cam")
        port = self.proxy(receiver.http_port)
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

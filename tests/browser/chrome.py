"""A real Chromium for tests, headless, with its sandbox on: it and its driver run as another user when the test is root."""
import json
import os
import re
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

PICTURE_S = 0.2  # from picture to picture of the test card: browsers draw without a GPU here, and each costs CPU time

# Without requests of Chromium's own. None of these changes how pages are drawn.
FLAGS = ("--headless=new", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
         "--no-first-run", "--disable-dev-shm-usage", "--window-size=1280,900")

# Chromium's own message for a request that fails, because the server is down or the test holds its connection.
NETWORK = r"Failed to load resource: (net::ERR_|the server responded with a status of 50[234])"


def start_browser(shared):
    """Starts chromedriver and Chromium, for the tests of a class. Returns selenium's driver."""
    harness.require_program("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        harness.skip("needs python3-selenium")
    port = harness.free_port()
    home = tempfile.mkdtemp(prefix="home-", dir=shared.folder)
    command = ["chromedriver", f"--port={port}"]
    if os.geteuid() == 0:
        os.chmod(home, 0o777)
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    process = harness.Process(shared, command, name="chromedriver", env={"HOME": home, "TMPDIR": home})
    process.wait_out("started successfully", 30)
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Remote(f"http://127.0.0.1:{port}", options=options)
    driver.set_script_timeout(120)  # on a busy machine
    driver.command_executor._commands["cdp"] = ("POST", "/session/$sessionId/goog/cdp/execute")
    return driver


class Chrome:
    """A tab of the class's browser, until the test ends; driver is selenium's. The test fails if a page writes an error to the
    console that does not match allowed."""

    def __init__(self, test, allowed=None):
        self.test, self.allowed, self.driver = test, allowed, test.browser()
        self.before = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # what was written until now is not this test's
        test.addCleanup(self._close)
        test.addCleanup(self._check_console)

    def cdp(self, command, **parameters):
        """Runs a command of the DevTools protocol, and returns its result."""
        return self.driver.execute("cdp", {"cmd": command, "params": parameters})["value"]

    def _close(self):
        """Closes this tab, and others that the test has opened."""
        for handle in self.driver.window_handles:
            if handle != self.before:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(self.before)

    def _check_console(self):
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        self.test.assertEqual([e for e in errors if not (self.allowed and re.search(self.allowed, e))], [])

    # pages

    def get(self, port, path):
        self.driver.get(f"http://127.0.0.1:{port}{path}")

    def text(self, selector):
        return self.driver.find_element("css selector", selector).text

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def words(self):
        """The state in words."""
        return self.text("#words")

    def wait_words(self, pattern, timeout=20):
        harness.wait_until(lambda: re.search(pattern, self.words()), timeout,
                           lambda: f"the words {pattern}; they are {self.words()}")

    def shows_picture(self):
        return self.driver.find_element("css selector", "#picture").is_displayed()

    def pixels(self):
        """The picture of a stream's page, without the mark over it, as a data URL."""
        return self.script("return document.getElementById('picture').toDataURL()")

    def wait_movement(self, timeout=20, selector=None):
        """Waits for three different pictures of a stream's page, or of the element that selector names."""
        element = self.driver.find_element("css selector", selector or "#picture")
        seen = set()

        def moved():
            if element.is_displayed():
                seen.add(element.screenshot_as_png if selector else self.pixels())
            return len(seen) >= 3
        harness.wait_until(moved, timeout, "a picture that moves")

    def watch_words(self):
        """From now on, until another picture is shown, records the words that the page shows with this one."""
        self.script("""
            window.seenWords = [];
            const words = document.getElementById("words");
            const canvas = document.getElementById("picture");
            const before = canvas.toDataURL();
            const look = () => {
                if (canvas.toDataURL() !== before) return;
                seenWords.push(words.textContent);
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);""")

    def watched_words(self):
        return set(self.script("return seenWords"))

    def screenshot(self, name):
        """Saves a screenshot in the build folder, and one in the size of a phone, for people to look at."""
        folder = os.path.join(harness.BUILD, "screenshots")
        os.makedirs(folder, exist_ok=True)
        self.driver.save_screenshot(os.path.join(folder, name + ".png"))
        self.cdp("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        self.driver.save_screenshot(os.path.join(folder, name + "-phone.png"))
        self.cdp("Emulation.clearDeviceMetricsOverride")

    def requests(self):
        """The addresses that pages have requested since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


class Test(harness.Test):
    """A receiver with one stream, cam. The tests of a class share a browser, each with a tab of its own."""

    driver = None

    @classmethod
    def browser(cls):
        """Returns selenium's driver of the class's browser, which the first test starts."""
        if "driver" not in vars(cls):
            cls.driver = start_browser(cls.share())
            cls.addClassCleanup(cls._quit)
        return cls.driver

    @classmethod
    def _quit(cls):
        """Waits for Chromium's crash handlers, too: on a busy machine they outlive it for a moment."""
        cls.driver.quit()
        harness.wait_until(lambda: not harness.outlived(cls.shared.processes), 20,
                           lambda: f"the end of {harness.outlived(cls.shared.processes)}")

    def card(self, port, key_file, *arguments):
        return super().card(port, key_file, "--interval", PICTURE_S, *arguments)

    def receive(self, server=None, **options):
        self.port, self.key = harness.free_port(socket.SOCK_DGRAM), self.key_file()
        return self.receiver_config({"cam": {"udp_host": "127.0.0.1", "udp_port": self.port, "key_file": self.key,
                                             "live_seconds": 1, "stale_seconds": 9, **options}}, server)

    def wait_shown(self, chrome, receiver, state, pattern, timeout=20):
        """Waits until the server has this state, and then 3 s at most until the page shows it in words."""
        receiver.wait_freshness(lambda f: f["state"] == state, timeout, state, "cam")
        chrome.wait_words(pattern, 3)

"""A real Chromium for tests, headless, with its sandbox on: it and its driver run as another user when the test is root."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

# Quiet in a closed network; nothing that changes how pages are drawn.
FLAGS = ("--headless=new", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
         "--no-first-run", "--disable-dev-shm-usage", "--window-size=1280,900")


class Chrome:
    """driver is selenium's."""

    def __init__(self, test):
        harness.require_program("chromedriver")
        try:
            from selenium import webdriver
        except ImportError:
            harness.skip("needs python3-selenium")
        port = harness.free_port()
        home = tempfile.mkdtemp(prefix="home-", dir=test.folder)
        command = ["chromedriver", f"--port={port}"]
        if os.geteuid() == 0:
            os.chmod(home, 0o777)
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        self.process = harness.Process(test, command, name="chromedriver", env={"HOME": home, "TMPDIR": home})
        self.process.wait_out("started successfully", 30)
        options = webdriver.ChromeOptions()
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Remote(f"http://127.0.0.1:{port}", options=options)
        test.addCleanup(self.driver.quit)

    def text(self, selector):
        return self.driver.find_element("css selector", selector).text

    def console(self):
        """What the pages wrote to the console since the last call, errors of the page's making only."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def picture(self):
        """The picture on the screen as it is drawn, PNG."""
        return self.driver.find_element("css selector", "canvas").screenshot_as_png

    def screenshot(self, name):
        """Keeps a screenshot in the build folder, for people to look at."""
        folder = os.path.join(harness.BUILD, "screenshots")
        os.makedirs(folder, exist_ok=True)
        self.driver.save_screenshot(os.path.join(folder, name + ".png"))

"""Browsers that misbehave: ddsend says so, stays as it is, and takes a good one at once."""
import os
import re
import signal
import time

import PIL.Image

import harness
import webharness

# how it behaves: whether it is shown all the same
MODES = {
    "good": True, "unknown ids": True, "twice": True, "events first": True, "slow": True, "flood": True,
    "silent": False, "rubbish": False, "half": False, "huge": False, "endless": False, "deep": False, "exits": False,
    "other ids": False, "other sessions": True, "wrong types": False, "errors": False, "odd errors": False,
    "no base64": False, "no picture": False, "empty picture": False, "half a picture": False, "vast picture": False,
    "silent later": False, "half later": False, "rubbish later": False, "huge later": False, "exits later": False,
    "crashes later": False, "closes later": False, "stubborn": True,
}
MEMORY = 600  # MiB that a capture role may take: a message of 64, copied, and what the sanitizer holds back


def stream_name(mode):
    return mode.replace(" ", "-")


def memory_mib(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", f.read(), re.M).group(1)) // 1024
    except (OSError, AttributeError):
        return 0


class FakeTest(webharness.Test):
    def fake(self, name, mode, run="exec"):
        """A program to be named as browser; how it behaves is in a file. With run "" a shell stays its parent."""
        folder = self.path("fake-" + name)
        os.mkdir(folder)
        for i, colour in enumerate(("red", "blue")):
            for kind in ("jpg", "png"):
                PIL.Image.new("RGB", (640, 360), colour).save(os.path.join(folder, f"{i}.{kind}"))
        for file, text in (("mode", mode), ("asked", "")):
            with open(os.path.join(folder, file), "w") as f:
                f.write(text)
        os.chmod(os.path.join(folder, "asked"), 0o666)
        command = f'{run} {harness.PYTHON} {harness.SUPPORT}/fake_browser.py "{folder}" "$@"'
        return self.write(f"browser-{name}", f"#!/bin/sh\n{command}\nexit\n", 0o755)

    def behave(self, name, mode):
        with open(os.path.join(self.path("fake-" + name), "mode"), "w") as f:
            f.write(mode)

    def asked(self, name):
        with open(os.path.join(self.path("fake-" + name), "asked")) as f:
            return f.read().splitlines()

    def run_modes(self, modes):
        # on a busy machine a good one takes long; who waits for trouble has to wait for timeout
        pages = {stream_name(mode): ("/counter", {"browser": self.fake(stream_name(mode), mode), "interval": 0.3,
                                                  "timeout": 15 if MODES[mode] else 4}) for mode in modes}
        self.start(pages, {"live_seconds": 1})
        most = {}

        def look(condition, timeout, what, name):
            role = self.ddsend.roles().get("capture " + name)
            if role:
                most[name] = max(most.get(name, 0), memory_mib(role))
            return self.wait_fresh(condition, timeout, what, name)
        for mode in modes:
            name, shown = stream_name(mode), MODES[mode]
            with self.subTest(mode):
                if shown:
                    look(lambda f: f["state"] == "live" and f["source"] == "ok", 30, "a picture", name)
                else:
                    look(lambda f: f["source"] in ("failed", "connecting") and f["reason"], 30, "a failure", name)
                    self.wait_said(rf"capture {name}: ", 5)
                    self.behave(name, "good")
        roles = self.ddsend.roles()
        for name in pages:
            most[name] = max(most.get(name, 0), memory_mib(roles.get("capture " + name, 0)))
        self.assertIn("transmit", roles)
        print("MiB of capture at most: ", most)
        self.assertLess(max(most.values()), MEMORY)
        for mode in modes:
            self.assertNotRegex(self.ddsend.log(), rf"capture {stream_name(mode)} .*(died|by signal|no sign of life)")
        for mode in modes:
            with self.subTest(mode + ", then good"):
                if MODES[mode]:
                    continue
                self.wait_fresh(lambda f: f["state"] == "live" and f["source"] == "ok", 45, "a picture", stream_name(mode))
        start = time.monotonic()
        processes = harness.children(self.ddsend.pid)
        self.assertEqual(self.ddsend.stop(5), 0)
        print(f"stopped within {time.monotonic() - start:.2f} s")
        self.assertLess(time.monotonic() - start, 2 * harness.stretch())
        self.assert_gone(processes, 1)


class LeftTest(FakeTest):
    def test_one_whose_supervisor_was_killed(self):
        """It does not notice that its pipe is closed, and is not the role's child: who clears up its folder ends it."""
        # a folder of its own: every other ddsend that starts meanwhile, for another test, would clear up too
        env = {"TMPDIR": self.path("tmp")}
        os.mkdir(env["TMPDIR"])
        os.chmod(env["TMPDIR"], 0o1777)
        self.start({"page": ("/counter", {"browser": self.fake("page", "deaf", run="")})}, env=env)
        self.wait_picture()
        before = self.browser_of("page")
        self.assertTrue(before)
        self.ddsend.send_signal(signal.SIGKILL)
        self.assertEqual(self.ddsend.wait(), -signal.SIGKILL)
        self.wait_seconds(0.5)
        self.assertTrue(any(harness.alive(pid) for pid in before), "one that stays")
        self.restart(env)
        self.wait_picture()
        self.assert_gone(before, 10)


# so few at a time, that they do not wait for each other
class StartTest(FakeTest):
    def test_answers(self):
        self.run_modes(("good", "unknown ids", "twice", "events first", "slow", "flood", "other ids", "other sessions",
                        "wrong types", "errors", "odd errors"))

    def test_bytes(self):
        self.run_modes(("silent", "rubbish", "half", "huge", "endless", "deep", "exits", "stubborn"))


if __name__ == "__main__":
    harness.main()

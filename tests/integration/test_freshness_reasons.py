"""Every reason that a STATUS, or its absence, gives: as a browser or a monitor reads it. Reasons of refused datagrams are in
test_silence_causes.py."""
import os
import re
import socket

import harness


def reasons_of_status():
    """The table of reasons in docs/protocol.md: {number: words}."""
    with open(os.path.join(harness.SOURCE, "docs", "protocol.md"), encoding="utf-8") as f:
        part = f.read().partition("### STATUS\n")[2].partition("\n## ")[0]
    return {int(number): words for number, words in re.findall(r"^\| (\d+) \|[^|]*\| ([^|]+) \|$", part, re.M) if number != "0"}


REASONS = {**reasons_of_status(), 999: "unknown"}
SILENT = "sender silent: nothing arrives at its port"
SOURCES = {0: "starting", 1: "ok", 2: "connecting", 3: "failed"}
OLD_MS = 6000  # not live: with interval 0 that is from 5 s on


class ReasonsTest(harness.Test):
    def setUp(self):
        super().setUp()
        key, port = harness.new_key(), harness.free_port(socket.SOCK_DGRAM)
        self.receiver_ = self.receiver_stream(port, self.key_file("stream.key", key), "--live-seconds", "2", "--stale-seconds", "20")
        self.forge = harness.Forge(self, port, key)
        self.frame = 1000

    def show(self):
        """A picture, and a STATUS that names it."""
        self.frame += 1
        self.forge.frame(harness.make_jpeg(), self.frame)
        self.status(age_ms=0)
        self.receiver_.wait_live()

    def show_old(self):
        """A picture that was old when it came: by the sender's clock, of which a STATUS told before."""
        self.forge.status()
        self.frame += 1
        self.forge.frame(harness.make_jpeg(), self.frame, harness.now_us() - OLD_MS * 1000)
        self.status(age_ms=OLD_MS)
        self.expect("stalled", "source gives no new picture")

    def status(self, **fields):
        self.forge.status(**{"frame": self.frame, "interval_ms": 0, **fields})

    def expect(self, state, reason, timeout=5, **fields):
        def fits(f):
            return (f["state"], f["reason"]) == (state, reason) and all(f[name] == value for name, value in fields.items())
        return self.receiver_.wait_freshness(fits, timeout, f"{state}: {reason} {fields}")

    def test_every_reason_of_the_source(self):
        self.assertGreaterEqual(len(REASONS), 12)
        self.show_old()
        for number, words in REASONS.items():
            for source in (2, 3):
                self.status(source=source, reason=number, age_ms=OLD_MS)
                self.expect("stalled", words, status="yellow", source=SOURCES[source], sender="alive", frame=self.frame)
        for source, name in SOURCES.items():
            words = "source gives no new picture" if name == "ok" else f"source {name}"
            self.status(source=source, age_ms=OLD_MS)
            self.expect("stalled", words, source=name)

    def fail_codes(self):
        """What /freshness and that of the stream answer with each value of ?fail=."""
        return [(self.receiver_.get(f"/freshness?fail={fail}").status, self.receiver_.get(f"/stream/freshness?fail={fail}").status)
                for fail in ("stale", "stalled", "trouble")]

    def test_trouble_is_told_while_the_picture_is_still_live(self):
        slow = {"interval_ms": 60000, "period_ms": 60000, "age_ms": 100}  # neither old nor silent soon
        self.show()
        self.status(**slow)
        self.expect("live", None, 3)
        self.assertEqual(self.fail_codes(), [(200, 200)] * 3)
        self.status(source=2, reason=7, **slow)
        self.expect("live", REASONS[7], 3, status="green", source="connecting")
        self.assertEqual(self.fail_codes(), [(200, 200), (200, 200), (503, 503)])
        self.status(source=1, **slow)
        self.expect("live", None, 3, source="ok")
        self.assertEqual(self.fail_codes(), [(200, 200)] * 3)

    def test_before_the_first_picture(self):
        self.expect("stale", "waiting for the sender", sender="silent", source="unknown", frame=None, seconds=None)
        self.expect("stale", SILENT, 8, sender="silent", source="unknown", frame=None, seconds=None)
        self.forge.status(source=1)
        self.expect("stale", "no picture yet", sender="alive", source="ok", frame=None, seconds=None, captured_at=None)
        self.forge.status(source=3, reason=2)
        self.expect("stale", REASONS[2], source="failed", seconds=None)

    def test_a_newer_picture_that_does_not_come(self):
        self.show()
        self.frame += 1
        # the one before is young enough
        self.status(age_ms=0)
        fresh = self.expect("stalled", "newer picture lost", source="ok", sender="alive", frame=self.frame - 1)
        self.assertLess(fresh["seconds"], 5 * harness.stretch())
        self.forge.frame(harness.make_jpeg(), self.frame)
        self.receiver_.wait_live()

    def test_a_sender_that_falls_silent(self):
        self.show()
        fresh = self.expect("stalled", SILENT, 12, sender="silent", source="unknown")
        self.assertGreaterEqual(fresh["seconds"], 5)
        self.expect("stale", SILENT, 25, status="red")

    def test_a_path_that_holds_back(self):
        self.show_old()
        self.status(sent_us=harness.now_us() - 7000000, age_ms=0)
        fresh = self.expect("stalled", "sender delayed", sender="delayed", source="ok")
        self.assert_delay(fresh["delay_seconds"], 6.5, 7.5)
        # what it says of its source comes too late as well
        self.status(sent_us=harness.now_us() - 7000000, source=3, reason=1, age_ms=0)
        self.expect("stalled", "sender delayed", source="failed")


if __name__ == "__main__":
    harness.main()

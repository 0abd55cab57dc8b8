"""The relay does what the transport tests rely on."""
import signal
import socket
import struct
import subprocess
import time

import harness

COUNT = 4000


class RelayTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sink.close)
        self.sink.bind(("127.0.0.1", 0))
        self.got = []
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.out.close)

    def relay(self, **options):
        return harness.Relay(self, self.sink.getsockname()[1], **options)

    def send(self, relay, count, first=0, size=100):
        """Sends numbered datagrams, in portions that fit every buffer."""
        for n in range(first, first + count):
            self.out.sendto(struct.pack(">I", n) + b"\x55" * (size - 4), ("127.0.0.1", relay.port))
            if n % 50 == 49:
                harness.wait_until(lambda: relay.stats()["received"] > n - first, 10, "the relay to keep up")
                self.drain()

    def drain(self):
        """Takes what has arrived."""
        self.sink.setblocking(False)
        try:
            while True:
                self.got.append(self.sink.recv(65536))
        except BlockingIOError:
            return len(self.got)

    def receive(self, count, timeout=10):
        """That many datagrams, which must be all that there are."""
        harness.wait_until(lambda: self.drain() >= count, timeout, lambda: f"{count} datagrams, there are {len(self.got)}")
        self.drain()
        self.assertEqual(len(self.got), count)
        got, self.got = self.got, []
        return got

    def pass_through(self, count=COUNT, **options):
        """What becomes of count datagrams: those that arrive, and the counters."""
        relay = self.relay(**options)
        self.send(relay, count)
        # reordered ones wait for those that overtake them, or for the relay to lose patience
        stats = harness.wait_until(lambda: (lambda s: s if s["received"] == count and not s["queued"] else None)(relay.stats()),
                                   10, "the relay to be done")
        got = self.receive(stats["sent"])
        self.assertEqual(relay.final(), stats)
        self.assertEqual(stats["sent"], count - stats["dropped"] + stats["duplicated"])
        self.assertEqual((stats["overflow"], stats["unsent"]), (0, 0))
        return got, stats

    @staticmethod
    def numbers(datagrams):
        return [struct.unpack(">I", d[:4])[0] for d in datagrams]

    def assert_rate(self, count, total, rate):
        """Within five standard deviations: with a fixed seed it either always holds or never."""
        deviation = (total * rate * (1 - rate)) ** 0.5
        self.assertLess(abs(count - total * rate), 5 * deviation, f"{count} of {total} is not a rate of {rate}")

    def test_changes_nothing_by_itself(self):
        got, stats = self.pass_through()
        self.assertEqual(self.numbers(got), list(range(COUNT)))
        self.assertTrue(all(d[4:] == b"\x55" * 96 for d in got))
        self.assertEqual({k: v for k, v in stats.items() if v}, {"received": COUNT, "sent": COUNT})

    def test_same_seed_same_fate(self):
        options = {"drop": 0.1, "burst": "4:0.05", "duplicate": 0.1, "reorder": "0.1:5", "corrupt": 0.1, "truncate": 0.05}
        first = self.pass_through(count=1000, seed=7, **options)
        again = self.pass_through(count=1000, seed=7, **options)
        other = self.pass_through(count=1000, seed=8, **options)
        self.assertEqual(first, again)
        self.assertNotEqual(first[0], other[0])

    def test_one_rate_leaves_the_others_alone(self):
        few, _ = self.pass_through(count=1000, seed=3, drop=0.2)
        more, _ = self.pass_through(count=1000, seed=3, drop=0.2, corrupt=0.5)
        self.assertEqual(len(few), len(more))
        self.assertTrue(any(a != b for a, b in zip(few, more)))

    def test_drop(self):
        got, stats = self.pass_through(drop=0.2)
        self.assert_rate(stats["dropped"], COUNT, 0.2)
        self.assertEqual(self.numbers(got), sorted(set(self.numbers(got))))

    def test_drop_list(self):
        got, stats = self.pass_through(count=20, drop_list="0,5-7,19")
        self.assertEqual(self.numbers(got), [1, 2, 3, 4, *range(8, 19)])
        self.assertEqual(stats["dropped"], 5)

    def test_bursts(self):
        got, stats = self.pass_through(count=20000, burst="8:0.1")
        lost = sorted(set(range(20000)) - set(self.numbers(got)))
        bursts = sum(1 for i, n in enumerate(lost) if i == 0 or lost[i - 1] != n - 1)
        self.assertEqual(len(lost), stats["dropped"])
        self.assertTrue(0.07 < len(lost) / 20000 < 0.13, len(lost) / 20000)
        self.assertTrue(6.5 < len(lost) / bursts < 9.5, len(lost) / bursts)

    def test_duplicate(self):
        got, stats = self.pass_through(duplicate=0.25)
        numbers = self.numbers(got)
        self.assert_rate(stats["duplicated"], COUNT, 0.25)
        self.assertEqual(sorted(set(numbers)), list(range(COUNT)))
        self.assertEqual(len(numbers) - COUNT, stats["duplicated"])

    def test_reorder(self):
        got, stats = self.pass_through(reorder="0.1:4")
        numbers = self.numbers(got)
        self.assert_rate(stats["reordered"], COUNT, 0.1)
        self.assertEqual(sorted(numbers), list(range(COUNT)))
        late = [at - n for at, n in enumerate(numbers) if at > n]
        self.assertTrue(late)
        self.assertLessEqual(max(late), 4)

    def test_corrupt(self):
        got, stats = self.pass_through(corrupt=0.3)
        wrong = 0
        for n, datagram in enumerate(got):
            right = struct.pack(">I", n) + b"\x55" * 96
            flipped = sum(bin(a ^ b).count("1") for a, b in zip(right, datagram))
            self.assertEqual(len(datagram), len(right))
            self.assertLessEqual(flipped, 1)
            wrong += flipped
        self.assertEqual(wrong, stats["corrupted"])
        self.assert_rate(wrong, COUNT, 0.3)

    def test_truncate(self):
        got, stats = self.pass_through(truncate=0.3)
        short = [d for d in got if len(d) < 100]
        self.assertEqual(len(short), stats["truncated"])
        self.assert_rate(len(short), COUNT, 0.3)
        self.assertGreater(len({len(d) for d in short}), 50)

    def test_delay(self):
        relay = self.relay(delay=150)
        start = time.monotonic()
        self.send(relay, 10)
        self.assertEqual(self.numbers(self.receive(10)), list(range(10)))
        self.assertGreaterEqual(time.monotonic() - start, 0.15)

    def test_hold_and_release(self):
        relay = self.relay()
        relay.command("hold")
        self.send(relay, 10)
        harness.wait_until(lambda: relay.stats()["queued"] == 10, 10, "ten held datagrams")
        self.receive(0)
        relay.command("release")
        self.assertEqual(self.numbers(self.receive(10)), list(range(10)))

    def test_rates_change_while_it_runs(self):
        relay = self.relay()
        relay.set("drop", "1")
        self.send(relay, 50)
        harness.wait_until(lambda: relay.stats()["dropped"] == 50, 10, "all dropped")
        relay.set("drop", "0")
        self.send(relay, 50, first=50)
        self.assertEqual(self.numbers(self.receive(50)), list(range(50, 100)))
        for wrong in ("set drop 2", "set nothing 1", "set", "jump", "set drop-list 3-", "set drop-list 3,", "set drop-list x", "set reorder 1"):
            with self.assertRaisesRegex(AssertionError, "error"):
                relay.command(wrong)

    def test_reordered_ones_are_not_kept_for_ever(self):
        relay = self.relay(reorder="1:100")
        self.send(relay, 3)
        self.assertEqual(self.numbers(self.receive(3)), [0, 1, 2])

    def test_large_datagrams_pass(self):
        relay = self.relay()
        self.out.sendto(b"x" * 65000, ("127.0.0.1", relay.port))
        self.assertEqual(self.receive(1), [b"x" * 65000])

    def test_wrong_options_are_refused(self):
        for arguments in ([], ["--listen", "0"], ["--listen", "0", "--to", "nowhere"], ["--listen", "0", "--to", "9", "--drop", "2"],
                          ["--listen", "0", "--to", "9", "--burst", "0.5:0.1"], ["--listen", "0", "--to", "9", "--burst", "1:0.9"],
                          ["--listen", "0", "--to"], ["--listen", "0", "--to", "9", "more"]):
            code, _, log = self.run_program("relay", *arguments)
            self.assertEqual(code, 1, arguments)
            self.assertTrue(log)

    def test_interrupt_ends_it_too(self):
        relay = self.relay()
        self.assertEqual(relay.stop(number=signal.SIGINT), 0)
        self.assertIn('"received": 0', relay.out())

    def test_goes_on_without_control(self):
        process = harness.Process(self, [harness.program("relay"), "--listen", "0", "--to", self.sink.getsockname()[1]],
                                  stdin=subprocess.DEVNULL)
        process.port = int(process.wait_out(r"^ready (\d+)\n").group(1))
        self.out.sendto(b"hello", ("127.0.0.1", process.port))
        self.assertEqual(self.receive(1), [b"hello"])


if __name__ == "__main__":
    harness.main()

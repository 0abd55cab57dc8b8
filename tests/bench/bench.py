"""What the benchmarks share: CPU time of whole daemons, runs side by side with a peer, medians, one line per figure.

A benchmark is a test that measures: it prints what it found and fails if a target is missed. Machines differ and are
shared, so a target is a ratio to a peer that runs at the same time, or so wide that only a broken program misses it.
./scripts/bench builds and runs them."""
import glob
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

RUNS = int(os.environ.get("DD_BENCH_RUNS", "5"))
SECONDS = float(os.environ.get("DD_BENCH_SECONDS", "6"))


def thread_times(pid):
    """CPU seconds of each thread of a process so far, with its name: {tid: (name, seconds)}."""
    times = {}
    for folder in glob.glob(f"/proc/{pid}/task/[0-9]*"):
        try:
            with open(folder + "/schedstat") as f, open(folder + "/comm") as g:
                times[int(os.path.basename(folder))] = (g.read().strip(), int(f.read().split()[0]) / 1e9)
        except OSError:
            pass
    return times


def tree(pid):
    """The process and all below it."""
    return [pid, *harness.children(pid)]


def cpu_seconds(pid):
    """Of a process with all its children and threads."""
    return sum(seconds for p in tree(pid) for _, seconds in thread_times(p).values())


def pause(seconds):
    time.sleep(seconds)


def report(what, values, unit, target=None, note=""):
    """Prints a line; returns the median."""
    median = statistics.median(values)
    spread = f"({min(values):.3g} … {max(values):.3g}, {len(values)} runs)" if len(values) > 1 else ""
    print(f"    {what:<62} {median:8.3g} {unit:<12} {spread:<28} {'target ' + target if target else ''} {note}".rstrip(), flush=True)
    return median


class Bench(harness.Test):
    def setUp(self):
        super().setUp()
        print(f"\n{self.shortDescription() or self.id()}", flush=True)

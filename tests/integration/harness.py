"""Runs the daemons, cameras and relays of the end-to-end tests, and looks at what they do.

Every test class derives from Test. What a test starts is stopped when it ends; then no process may be left, no log may
hold a sanitizer's report, and a daemon that was still running must have stopped with success. What all tests of a class
share is stopped likewise when the class ends: see Test.share(). Nothing here sleeps for a fixed time: wait_until() waits
for a condition, with a deadline.

Environment: DD_BUILD_DIR, where the programs are; DD_SOURCE_DIR; DD_NO_SKIP=1: what would be skipped fails."""
import base64
import ctypes
import functools
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import PIL.Image
import PIL.ImageStat

SOURCE = os.environ.get("DD_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DD_BUILD_DIR") or os.path.join(SOURCE, "build", "debug")
SUPPORT = os.path.join(SOURCE, "tests", "support")
PYTHON = "/usr/bin/python3"  # Debian's own: it has python3-gi
NO_SKIP = os.environ.get("DD_NO_SKIP") == "1"

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|UndefinedBehaviorSanitizer"
                       r"|: runtime error: |DEADLYSIGNAL|Assertion .* failed")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what outlives a daemon becomes our child, and is found


# ---- waiting ----

def wait_until(condition, timeout, what):
    """Calls condition until it returns something true, and returns that; AssertionError after timeout seconds, on a busy machine
    after stretch() times as many."""
    begin = time.monotonic()
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - begin
        if waited >= timeout and waited >= timeout * stretch():
            raise AssertionError(f"not within {timeout} s, waited {waited:.1f} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def stretch():
    """By what factor a time limit that is a promise may be exceeded just now: 1 on an idle machine, up to 10 where tasks queue for
    the CPUs. For limits that a test measures itself; wait_until() applies it to its own. Only for the side of a limit that load
    can push a figure beyond: a time may become longer, a rate lower. The promises themselves are measured by scripts/bench."""
    with open("/proc/loadavg") as f:
        load, _, _, tasks, _ = f.read().split()
    cpus = len(os.sched_getaffinity(0))
    return min(10, max(1, 1.5 * float(load) / cpus, 1.5 * int(tasks.split("/")[0]) / cpus))


def reserve(name):
    """Reserves a name among all tests on this machine, until this process ends. Returns False if another has it."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind("\0dd-test-" + name)
    except OSError:
        lock.close()
        return False
    lock.detach()  # stays open until this process ends
    return True


def free_port(kind=socket.SOCK_STREAM):
    """A free port of this host, reserved for this process. Not one that the kernel gives to others by itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first = int(f.read().split()[0])
    while True:
        port = random.randrange(11000, first if first > 12000 else 32768)
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if reserve(f"port-{port}"):
            return port


def new_key():
    return base64.b64encode(os.urandom(32)).decode()


def now_us():
    """µs since 1970, as on the wire."""
    return time.time_ns() // 1000


# ---- /proc ----

def children(pid):
    """All descendants of pid, as {pid: title}; the title is the command line with blanks."""
    found = {}
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children") as f:
                listed = f.read().split()
        except OSError:
            continue
        for child in map(int, listed):
            found[child] = title(child)
            found.update(children(child))
    return found


def title(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def process_state(pid):
    """The letter of /proc/PID/stat ("S", "T", "Z" …), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def alive(pid):
    return process_state(pid) not in (None, "Z", "X")


def memory_holds(pid, needles):
    """Which of the needles (bytes) are in the memory of pid. Needs root: roles are not dumpable."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, \
            open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            span, rights, *_ = line.split()
            first, last = (int(x, 16) for x in span.split("-"))
            # a sanitizer's shadow takes terabytes, and holds what it thinks of bytes, not bytes
            if "r" in rights and last - first < 1 << 36 and not line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vdso]")):
                found |= _region_holds(memory, pagemap, first, last, needles)
    return found


def _region_holds(memory, pagemap, first, last, needles):
    found, tail, keep, chunk = set(), b"", max(map(len, needles)) - 1, 1 << 20
    for at in range(first, last, chunk):
        size = min(chunk, last - at)
        if not any(os.pread(pagemap.fileno(), size // 4096 * 8, at // 4096 * 8)):
            tail = b""  # no page is there
            continue
        try:
            window = tail + os.pread(memory.fileno(), size, at)
        except OSError:
            window = b""
        found |= {n for n in needles if n in window}
        tail = window[-keep:]
    return found


def memory_kib(pid):
    """Private and shared memory of pid, each page of the shared ones as its part: Pss of /proc/PID/smaps_rollup. Needs root."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M).group(1))


# ---- processes ----

def _in_child():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Process:
    """A program that a test runs, its output in files."""

    def __init__(self, test, arguments, name=None, stdin=subprocess.DEVNULL, env=None):
        self.test = test
        self.arguments = list(map(str, arguments))
        self.name = name or os.path.basename(self.arguments[0])
        count = len(test.processes)
        self.log_path = os.path.join(test.folder, f"{count}-{self.name}.log")
        self.out_path = os.path.join(test.folder, f"{count}-{self.name}.out")
        with open(self.log_path, "wb") as log, open(self.out_path, "wb") as out:
            self.popen = subprocess.Popen(self.arguments, stdin=stdin, stdout=out, stderr=log, preexec_fn=_in_child,
                                          env={**os.environ, **(env or {})}, cwd=test.folder)
        self.pid = self.popen.pid
        test.processes.append(self)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def out(self):
        with open(self.out_path, errors="replace") as f:
            return f.read()

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=10):
        """The exit code, negative for a signal."""
        wait_until(lambda: not self.running(), timeout, f"the end of {self.name}")
        return self.popen.returncode

    def wait_log(self, pattern, timeout=10):
        """Waits until the log has a line that matches; the match."""
        return wait_until(lambda: re.search(pattern, self.log(), re.M) or self._must_run(), timeout,
                          lambda: f"“{pattern}” in the log of {self.name}:\n{self.log()[-3000:]}")

    def wait_out(self, pattern, timeout=10):
        return wait_until(lambda: re.search(pattern, self.out(), re.M) or self._must_run(), timeout,
                          lambda: f"“{pattern}” in the output of {self.name}:\n{self.out()[-3000:]}")

    def _must_run(self):
        if not self.running():
            raise AssertionError(f"{self.name} has ended with {self.popen.returncode}:\n{self.log()[-3000:]}")

    def send_signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=10, number=signal.SIGTERM):
        """Asks it to end, kills it if it does not; the exit code."""
        if self.running():
            self.popen.send_signal(number)
            try:
                self.wait(timeout)
            except AssertionError:
                self.popen.kill()
                self.popen.wait()
                raise
        return self.popen.returncode


class Daemon(Process):
    def roles(self):
        """The running roles: {title: pid}, a title being "capture lobby", "transmit" …"""
        prefix = self.name + ": "
        return {t[len(prefix):]: pid for pid, t in children(self.pid).items() if t.startswith(prefix) and alive(pid)}

    def wait_roles(self, *names, timeout=10):
        """Waits until just these roles run; {title: pid}."""
        wanted = set(names)
        wait_until(lambda: set(self.roles()) == wanted or self._must_run(), timeout,
                   lambda: f"roles {sorted(wanted)} of {self.name}, there are {sorted(self.roles())}")
        return self.roles()

    def wait_role_replaced(self, name, old_pid, timeout):
        """Waits until another process is that role; its pid."""
        return wait_until(lambda: (lambda pid: pid if pid and pid != old_pid else self._must_run())(self.roles().get(name)),
                          timeout, f"a new {self.name}: {name} after {old_pid}")


class Receiver(Daemon):
    """ddrecv with its HTTP side."""
    http_port = None

    def get(self, path, headers=None, method="GET", timeout=10):
        return http_get(self.http_port, path, headers, method, timeout)

    def json(self, path):
        answer = self.get(path)
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {answer.body[:200]!r}")
        return json.loads(answer.body)

    def try_json(self, path):
        """The same, None while it does not answer."""
        try:
            return self.json(path)
        except (OSError, http.client.HTTPException, AssertionError):
            return None

    def freshness(self, stream="stream"):
        return self.json(f"/{stream}/freshness")

    def frames(self, stream="stream"):
        """All pictures in memory, oldest first, read page by page."""
        frames, page = [], self.json(f"/{stream}/frames")["frames"]
        while page:
            frames = page + frames
            page = self.json(f"/{stream}/frames?before={frames[0]['frame']}")["frames"]
        return frames

    def stats(self, stream="stream"):
        return self.json(f"/{stream}/stats")

    def wait_freshness(self, condition, timeout, what, stream="stream"):
        """Waits until condition(freshness) holds; that freshness."""
        seen = [None]

        def check():
            seen[0] = self.try_json(f"/{stream}/freshness")
            self._must_run()
            return seen[0] if seen[0] and condition(seen[0]) else None
        return wait_until(check, timeout, lambda: f"{what}; freshness of {stream} is {seen[0]}")

    def wait_live(self, stream="stream", timeout=20):
        """Waits for a live picture and for the STATUS that calls its source ok, which may arrive after it."""
        return self.wait_freshness(lambda f: f["state"] == "live" and f["source"] == "ok", timeout, "a live picture", stream)

    def wait_stats(self, condition, timeout, what, stream="stream"):
        seen = [None]

        def check():
            seen[0] = self.try_json(f"/{stream}/stats")
            self._must_run()
            return seen[0] if seen[0] and condition(seen[0]) else None
        return wait_until(check, timeout, lambda: f"{what}; stats of {stream} are {json.dumps(seen[0])}")


class Relay(Process):
    """tests/support/relay.c"""

    def __init__(self, test, to_port, **options):
        arguments = [program("relay"), "--listen", "0", "--to", f"127.0.0.1:{to_port}"]
        for name, value in options.items():
            arguments += ["--" + name.replace("_", "-"), value]
        super().__init__(test, arguments, stdin=subprocess.PIPE)
        self.port = int(self.wait_out(r"^ready (\d+)\n").group(1))
        self.answers = 1

    def command(self, line):
        """Sends a command; the answer."""
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()
        answer = wait_until(lambda: self.out().split("\n")[self.answers:-1] or self._must_run(), 10,
                            f"the relay's answer to “{line}”")[0]
        self.answers += 1
        answer = json.loads(answer)
        if answer.get("ok") is False:
            raise AssertionError(f"relay: “{line}”: {answer}")
        return answer

    def set(self, name, value):
        self.command(f"set {name} {value}")

    def stats(self):
        return self.command("stats")

    def stop(self, timeout=10, number=signal.SIGTERM):
        code = super().stop(timeout, number)
        self.popen.stdin.close()
        return code

    def final(self):
        """Stops it; its last counters."""
        self.test.assertEqual(self.stop(), 0)
        return json.loads(self.out().splitlines()[-1])


class Forge(Process):
    """tests/support/forge.c: a sender that has the key and says what the test wants."""

    def __init__(self, test, port, key, stream_id=""):
        super().__init__(test, [program("forge"), port, key, stream_id], stdin=subprocess.PIPE)
        self.sent = 0
        self.epoch_us = now_us() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def message(self, message):
        """Seals and sends the bytes of a message."""
        self.popen.stdin.write(message.hex().encode() + b"\n")
        self.popen.stdin.flush()
        self.sent += 1
        wait_until(lambda: self.out().count("\n") == self.sent or self._must_run(), 10, "a sealed datagram")

    def session(self, ahead=0):
        """A new session for what comes next; it begins that many seconds from now, by its own account."""
        self.popen.stdin.write(f"session {ahead}\n".encode())
        self.popen.stdin.flush()

    def fragment(self, symbol, frame, captured_us=None, size=None, index=0, data=1, parity=0, block=0, blocks=1, symbol_bytes=None):
        """A FRAGMENT; by itself a whole frame of one symbol."""
        self.message(struct.pack(">BBBBHHQQIHH", 1, index, data, parity, block, blocks, frame, captured_us or now_us(),
                                 len(symbol) if size is None else size,
                                 len(symbol) if symbol_bytes is None else symbol_bytes, 0) + symbol)

    def frame(self, data, frame, captured_us=None, symbol_bytes=1320):
        """A whole frame, cut as docs/protocol.md says, of at most 128 symbols."""
        captured_us = captured_us or now_us()
        count = -(-len(data) // symbol_bytes)
        size = -(-len(data) // count)
        for i in range(count):
            self.fragment(data[i * size:(i + 1) * size].ljust(size, b"\0"), frame, captured_us, len(data), i, count)

    def large_frame(self, frame, size, head):
        """A whole frame of size bytes that begins with head, is filled up, and ends as a JPEG does."""
        self.popen.stdin.write(f"frame {frame} {size} {head.hex()}\n".encode())
        self.popen.stdin.flush()
        self.sent += 1
        wait_until(lambda: self.out().count("\n") == self.sent or self._must_run(), 10, "a sealed frame")

    def status(self, frame=0, source=1, reason=0, interval_ms=100, captured_us=0, age_ms=0, period_ms=1000, width=320, height=240,
               skipped=0, frames_sent=None, sent_us=None, epoch_us=None, quality=60, boot_tag=0xb0071d00):
        """A STATUS; unless epoch_us says otherwise, by the clock that the first one had."""
        frames_sent = (1 if frame else 0) if frames_sent is None else frames_sent
        self.message(struct.pack(">BBHIQQIIHHIQQQB3xI", 2, source, reason, interval_ms, frame, captured_us, age_ms, period_ms, width,
                                 height, skipped, frames_sent, sent_us or now_us(), epoch_us or self.epoch_us, quality, boot_tag))

    def stop(self, timeout=10, number=signal.SIGTERM):
        if self.running():
            self.popen.stdin.close()  # its end
        return self.popen.wait(timeout)


class Flood(Process):
    """tests/support/flood.c: an attacker on the path, without the key. He records the datagrams that arrive at the port self.tap."""

    def __init__(self, test, port):
        super().__init__(test, [program("flood"), port], stdin=subprocess.PIPE)
        self.tap = int(self.wait_out(r"^ready (\d+)\n").group(1))

    def run(self, rate, seconds):
        """Floods; how many datagrams went, by the cause under which they have to be refused."""
        before = self.out().count("\n")
        self.popen.stdin.write(f"{rate} {seconds}\n".encode())
        self.popen.stdin.flush()
        wait_until(lambda: self.out().count("\n") > before or self._must_run(), seconds + 30, "the end of the flood")
        return json.loads(self.out().splitlines()[-1])

    def stop(self, timeout=10, number=signal.SIGTERM):
        if self.running():
            self.popen.stdin.close()  # its end
        return self.popen.wait(timeout)


class Camera(Process):
    """tests/support/rtsp_server.py: a real RTSP server; arguments as its --help says."""

    def __init__(self, test, *arguments):
        super().__init__(test, [PYTHON, os.path.join(SUPPORT, "rtsp_server.py"), *arguments], name="camera")
        self.port = int(self.wait_out(r"^ready (\d+)\n", 30).group(1))


def program(name):
    path = os.path.join(BUILD, name)
    for candidate in (path, os.path.join(BUILD, "tests", name)):
        if os.access(candidate, os.X_OK):
            return candidate
    raise AssertionError(f"{path} is not built")


# ---- HTTP and pictures ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def http_get(port, path, headers=None, method="GET", timeout=10):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Mjpeg:
    """A viewer of /{stream}/stream. Iterate over it: (headers, jpeg) of each part. Header names are lower-case."""

    def __init__(self, port, path="/stream", timeout=10):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        if self.response.status != 200:
            raise AssertionError(f"{path}: {self.response.status}")
        kind = self.response.headers["Content-Type"]
        match = re.fullmatch(r'multipart/x-mixed-replace; *boundary="?([^";]+)"?', kind)
        if not match:
            raise AssertionError(f"{path}: Content-Type {kind}")
        self.boundary = b"--" + match.group(1).encode()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        line = self._line()
        while line == b"":
            line = self._line()
        if line != self.boundary:
            raise AssertionError(f"expected a boundary in MJPEG, not {line[:80]!r}")
        headers = {}
        while line := self._line():
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        size = int(headers["content-length"])
        body = self.response.read(size)
        if len(body) != size:
            raise StopIteration
        return headers, body

    def _line(self):
        line = self.response.readline()
        if not line:
            raise StopIteration
        return line.rstrip(b"\r\n")

    def frames(self, count):
        """Reads parts until count different pictures came; their numbers."""
        numbers = []
        for headers, body in self:
            jpeg_size(body)
            number = int(headers["x-frame"])
            if not numbers or numbers[-1] != number:
                numbers.append(number)
            if len(numbers) == count:
                return numbers
        raise AssertionError(f"MJPEG ended after {len(numbers)} pictures")

    def close(self):
        self.response.close()
        self.connection.close()


def jpeg_size(data):
    """(width, height) of a JPEG; AssertionError if it has not the shape of one."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        raise AssertionError(f"not a whole JPEG: {len(data)} bytes, {data[:4].hex()} … {data[-4:].hex()}")
    at = 2
    while at + 9 < len(data):
        marker, length = struct.unpack(">HH", data[at:at + 4])
        if marker >> 8 != 0xff:
            break
        if marker in (0xffc0, 0xffc1, 0xffc2):
            height, width = struct.unpack(">HH", data[at + 5:at + 9])
            return width, height
        at += 2 + length
    raise AssertionError("a JPEG without a start of frame")


def make_jpeg(width=64, height=48, colour="red"):
    """A JPEG of one colour."""
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


@functools.lru_cache(maxsize=8)  # tests look at the newest picture again and again
def decode_jpeg(data, lines=None):
    """The pixels of a JPEG, R, G and B of each, of its uppermost lines only if that is given."""
    picture = PIL.Image.open(io.BytesIO(data))
    if lines and lines < picture.height:
        picture = picture.crop((0, 0, picture.width, lines))
    return picture.convert("RGB").tobytes()


def picture_mean(data):
    """The mean of R, G and B of a JPEG: is something to be seen?"""
    return PIL.ImageStat.Stat(PIL.Image.open(io.BytesIO(data)).convert("RGB")).mean


# ---- the test ----

def skip(reason):
    """Skips the test; with DD_NO_SKIP=1 fails it."""
    if NO_SKIP:
        raise AssertionError("must not be skipped here: " + reason)
    raise unittest.SkipTest(reason)


def require_root():
    if os.geteuid() != 0:
        skip("needs root")


def require_program(name):
    if not shutil.which(name):
        skip(f"needs {name}")


class Shared:
    """A folder and the processes that the tests of a class share. Stands for a test where a Process is made."""

    def __init__(self):
        self.folder, self.processes = make_folder(), []

    def end(self):
        problems = stop_all(self.processes)
        shutil.rmtree(self.folder, ignore_errors=True)
        if problems:
            raise AssertionError("\n".join(problems))


def make_folder():
    folder = tempfile.mkdtemp(prefix="dd-test-")
    os.chmod(folder, 0o755)  # roles run as other users
    return folder


def stop_all(processes):
    """Stops processes, the latest first. Returns what is wrong with them or their logs."""
    problems = []
    for process in reversed(processes):
        was_running = process.running()
        try:
            code = process.stop()
        except AssertionError as error:
            problems.append(str(error))
            continue
        if was_running and isinstance(process, Daemon) and code != 0:
            problems.append(f"{process.name} stopped with {code}")
    for process in processes:
        report = SANITIZER.search(process.log())
        if report:
            problems.append(f"sanitizer report in the log of {process.name}: {process.log()[report.start():][:4000]}")
    return problems


def outlived(processes):
    """The running processes below this one that are neither processes nor below one of them: {pid: title}. Buries the dead."""
    ours = {p.pid for p in processes if p.running()}
    left = {}
    for pid, what in children(os.getpid()).items():
        if pid in ours or any(pid in children(p) for p in ours):
            continue
        if process_state(pid) == "Z":
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
            continue
        left[pid] = what
    return left


class Test(unittest.TestCase):
    maxDiff = None
    shared = None

    @classmethod
    def share(cls):
        """Returns the Shared of this class, which ends with the class."""
        if "shared" not in vars(cls):
            cls.shared = Shared()
            cls.addClassCleanup(cls.shared.end)
        return cls.shared

    def run(self, result=None):
        self.folder = make_folder()
        self.processes = []
        before, start = len(result.failures) + len(result.errors), time.monotonic()
        try:
            outcome = super().run(result)
            if len(result.failures) + len(result.errors) > before:
                self._show_logs()
            return outcome
        finally:
            print(f"{self._testMethodName} took {time.monotonic() - start:.1f} s", file=sys.stderr)
            shutil.rmtree(self.folder, ignore_errors=True)

    def setUp(self):
        self.addCleanup(self._end)

    def _end(self):
        problems = stop_all(self.processes)
        for pid, what in self._outlived().items():
            problems.append(f"left behind: {pid} {what}")
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # it has ended meanwhile
        if problems:
            self.fail("\n".join(problems))

    def _outlived(self):
        """left_behind(), of those that do not end by themselves in a while."""
        deadline = time.monotonic() + 5
        while (left := self.left_behind()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def left_behind(self):
        """Processes that outlived what started them: {pid: title}."""
        if not self.shared:
            return outlived(self.processes)
        # those of a shared browser that are no children of it name its folder
        return {pid: what for pid, what in outlived(self.processes + self.shared.processes).items() if self.shared.folder not in what}

    def _show_logs(self):
        for process in self.processes:
            text = (process.out() if process.out_path else "")[-1000:] + process.log()[-6000:]
            print(f"---- {process.name}: {' '.join(process.arguments)[:300]}\n{text}", file=sys.stderr)

    def assert_rate(self, rate, least, most):
        """Asserts that a rate that was measured is in its limits. On a busy machine it may be lower, but hardly higher: by what
        was queued before."""
        factor = stretch()
        self.assertTrue(least / factor <= rate <= most * min(factor, 1.2), f"{rate} is not from {least} to {most}")

    def assert_delay(self, delay, least, most):
        """Asserts that a time that was measured is in its limits. On a busy machine it may be longer, but not shorter."""
        self.assertTrue(least <= delay <= most * stretch(), f"{delay} is not from {least} to {most}")

    # files

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def write_json(self, name, value):
        return self.write(name, json.dumps(value, indent=2))

    def key_file(self, name="stream.key", key=None):
        return self.write(name, (key or new_key()) + "\n")

    # daemons

    def sender(self, *arguments, env=None):
        """ddsend with these options; starts at once."""
        state = [] if "--state-dir" in arguments else ["--state-dir", self.path("send-state")]
        return Daemon(self, [program("ddsend"), *arguments, *state], env=env)

    def card(self, port, key_file, *arguments):
        """ddsend on the test card, small and fast, to a port on loopback."""
        return self.sender("--mode", "test", "--capture-resolution", "320x240", "--interval", "0.05", "--cloud-ip", "127.0.0.1",
                           "--cloud-port", port, "--key-file", key_file, *arguments)

    def sender_config(self, streams, sender=None, name="ddsend.json", env=None):
        config = {"sender": {"state_dir": self.path("send-state"), **(sender or {})}, "streams": streams}
        return self.sender("--config", self.write_json(name, config), "--state-dir", self.path("send-state"), env=env)

    def receiver(self, *arguments, http_port=None, wait=True):
        """ddrecv with these options, --http-port aside; waits until it answers."""
        http_port = http_port or free_port()
        state = [] if "--state-dir" in arguments or "--config" in arguments else ["--state-dir", self.path("recv-state")]
        daemon = Receiver(self, [program("ddrecv"), "--http-port", http_port, *arguments, *state])
        daemon.http_port = http_port
        if wait:
            self.wait_healthy(daemon)
        return daemon

    def receiver_stream(self, port, key_file, *arguments):
        """ddrecv for one stream by flags."""
        return self.receiver("--udp-host", "127.0.0.1", "--udp-port", port, "--key-file", key_file, *arguments)

    def receiver_config(self, streams, server=None, name="ddrecv.json", wait=True):
        config = {"server": {"state_dir": self.path("recv-state"), **(server or {})}, "streams": streams}
        return self.receiver("--config", self.write_json(name, config), wait=wait)

    def wait_healthy(self, receiver, timeout=20):
        def healthy():
            receiver._must_run()
            try:
                return receiver.get("/healthz").status == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(healthy, timeout, "200 of /healthz")

    # programs that end by themselves

    def run_program(self, name, *arguments, timeout=20, env=None, stdin=None):
        """Runs one of our programs to its end: (exit code, output, log). Never hangs, never reports a sanitizer."""
        done = subprocess.run([program(name), *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, env={**os.environ, **(env or {})}, cwd=self.folder,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
        self.assertNotRegex(done.stderr, SANITIZER)
        return done.returncode, done.stdout, done.stderr

    def refused(self, name, *arguments, names, timeout=20):
        """Runs a program that must refuse its input: non-zero, and every regular expression of names in the message."""
        code, out, log = self.run_program(name, *arguments, timeout=timeout)
        self.assertGreater(code, 0, f"{name} took {arguments}:\n{out}{log}")
        for expected in names:
            self.assertRegex(log, expected)
        return log


def main():
    """unittest's; ends with 77 if every test was skipped."""
    result = unittest.main(module="__main__", exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)

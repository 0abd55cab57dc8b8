"""A VNC server that does what real ones never do. It speaks RFB 3.8 without a password, shows one colour, and then does as its
behaviour says."""
import os
import socket
import struct
import threading
import time
import zlib

WIDTH, HEIGHT = 160, 120
RAW, COPY_RECT, HEXTILE, ZRLE, TIGHT, ULTRA, ULTRA_ZIP = 0, 1, 5, 16, 7, 9, 0xffff0009
NEW_SIZE, EXTENDED_SIZE = -223, -308
HUGE = 0x7fffffff


class Ended(Exception):
    """The other side has closed the connection, or the test is over."""


class FakeVnc:
    """Listens on port; each connection has a thread. requests: what clients sent after the handshake, as (type, bytes).
    connected_at: time.monotonic() of each connection. said: what clients sent where nothing was expected."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.requests, self.connected_at, self.said = [], [], b""
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._listen, daemon=True)]
        self.threads[0].start()

    def stop(self):
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for thread in self.threads:
            thread.join(10)

    def _listen(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connected_at.append(time.monotonic())
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        connection.settimeout(0.2)
        try:
            with connection:
                Session(self, connection).run(self.behaviour)
        except (Ended, OSError):
            pass


class Session:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.started = False

    # bytes

    def send(self, data):
        while data:
            if self.server.stopping.is_set():
                raise Ended
            try:
                data = data[self.connection.send(data):]
            except TimeoutError:
                pass

    def take(self, size):
        data = b""
        while len(data) < size:
            if self.server.stopping.is_set():
                raise Ended
            try:
                part = self.connection.recv(size - len(data))
            except TimeoutError:
                continue
            if not part:
                raise Ended
            data += part
        return data

    def wait(self):
        """Sends nothing more until the other side closes."""
        while True:
            self.server.said += self.take(1)

    # the protocol

    def version(self, text=b"RFB 003.008\n"):
        self.send(text)
        return self.take(12)

    def login(self):
        self.version()
        self.send(b"\1\1")  # None
        self.take(1)
        self.send(struct.pack(">I", 0))

    def init(self, width=WIDTH, height=HEIGHT, name_size=4):
        self.take(1)
        self.send(struct.pack(">HHBBBBHHHBBB3xI", width, height, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0, name_size))
        self.send(b"fake"[:name_size])

    def request(self):
        """The next message of the client: (type, the rest)."""
        kind = self.take(1)[0]
        if kind == 2:
            rest = self.take(3)
            rest += self.take(4 * struct.unpack(">xH", rest)[0])
        else:
            rest = self.take({0: 19, 3: 9, 4: 7, 5: 5, 6: 7}[kind])
        self.server.requests.append((kind, rest))
        return kind, rest

    def start(self):
        """The handshake, and all up to the first request for a picture."""
        self.started = True
        self.login()
        self.init()
        while self.request()[0] != 3:
            pass

    def update(self, *rectangles):
        self.send(struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles))

    @staticmethod
    def rectangle(x, y, width, height, encoding, data=b""):
        return struct.pack(">HHHHI", x, y, width, height, encoding & 0xffffffff) + data

    def colour(self, x=0, y=0, width=WIDTH, height=HEIGHT, pixel=b"\x40\x80\xc0\0"):
        return self.rectangle(x, y, width, height, RAW, pixel * (width * height))

    def answer(self):
        """Answers requests as a server whose desktop does not change."""
        while True:
            kind, rest = self.request()
            incremental, x, y, width, height = struct.unpack(">BHHHH", rest) if kind == 3 else (1, 0, 0, 0, 0)
            if not incremental:
                self.update(self.colour(x, y, width, height))

    # the behaviours

    def run(self, behaviour):
        getattr(self, "do_" + behaviour.replace(" ", "_"))()

    def do_good(self):
        self.start()
        self.update(self.colour())
        self.answer()

    def do_rubbish(self):
        self.send(os.urandom(100000))
        self.wait()

    def do_silent(self):
        self.wait()

    def do_old_version(self):
        self.version(b"RFB 002.000\n")

    def do_cuts(self):
        self.version()

    def do_silent_after_init(self):
        self.start()
        self.wait()

    def do_stalls(self):
        """In the middle of an update."""
        self.start()
        self.send((struct.pack(">BxH", 0, 1) + self.colour())[:WIDTH * HEIGHT * 2])
        self.wait()

    def do_stalls_later(self):
        """In the middle of the second update, half of which must not be shown."""
        self.start()
        self.update(self.colour())
        self.request()
        self.send((struct.pack(">BxH", 0, 1) + self.colour(pixel=b"\0\0\xff\0"))[:WIDTH * HEIGHT * 2])
        self.wait()

    def do_absurd_size(self):
        self.login()
        self.init(65535, 65535)
        self.wait()

    def do_no_size(self):
        self.login()
        self.init(0, 0)
        self.wait()

    def _then(self, *rectangles):
        self.start()
        self.update(self.colour())
        self.request()
        self.update(*rectangles)
        self.answer()

    def do_new_size(self):
        self._then(self.rectangle(0, 0, 65535, 65535, NEW_SIZE))

    def do_new_size_none(self):
        self._then(self.rectangle(0, 0, 0, 0, NEW_SIZE))

    def do_extended_size(self):
        """Unasked."""
        screen = struct.pack(">IHHHHI", 1, 0, 0, 65535, 65535, 0)
        self._then(self.rectangle(0, 0, 65535, 65535, EXTENDED_SIZE, b"\1\0\0\0" + screen))

    def do_resizes(self):
        """Twenty times, as it may, and then no more."""
        self.start()
        self.update(self.colour())
        for i in range(20):
            self.update(self.rectangle(0, 0, 100 + i % 2 * 100, 80, NEW_SIZE))
        self.answer()

    def do_tight(self):
        """Unasked, with random data: JPEG, fill, copy, palette and gradient."""
        for control in (0x90, 0x80, 0x00, 0x40, 0x50, 0x60):
            self._rubbish(TIGHT, bytes([control]) + os.urandom(2))

    def do_ultra(self):
        self._rubbish(ULTRA, struct.pack(">I", 200))

    def do_ultra_zip(self):
        self._rubbish(ULTRA_ZIP, struct.pack(">I", 200))

    def _rubbish(self, encoding, data):
        if not self.started:
            self.start()
        self.update(self.rectangle(0, 0, WIDTH, HEIGHT, encoding, data + os.urandom(4000)))

    def do_zrle(self):
        """zlib can decompress it, but it is no ZRLE: libvncclient says so in its log only, and goes on."""
        deflate = zlib.compressobj()
        data = deflate.compress(b"\x82\1\2\3") + deflate.flush(zlib.Z_SYNC_FLUSH)  # an end of the stream is an error by itself
        self._then(self.rectangle(0, 0, WIDTH, HEIGHT, ZRLE, struct.pack(">I", len(data)) + data))

    def do_unknown_encoding(self):
        self._then(self.rectangle(0, 0, WIDTH, HEIGHT, 4711))

    def do_outside(self):
        self._then(self.colour(WIDTH - 10, HEIGHT - 10, 20, 20))

    def do_tiny_updates(self):
        """Without end, and without an answer to any request."""
        self.start()
        self.update(self.colour())
        pixel = struct.pack(">BxH", 0, 1) + self.colour(5, 5, 1, 1)
        while True:
            self.send(pixel * 1000)

    def do_huge_name(self):
        self.login()
        self.init(name_size=HUGE)
        while True:
            self.send(b"x" * 65536)

    def do_huge_reason(self):
        self.version()
        self.send(b"\0" + struct.pack(">I", HUGE))
        while True:
            self.send(b"x" * 65536)

    def do_reason(self):
        """A reason with characters that must not get into the log as they are."""
        self.version()
        text = b"\x1b[31mforged\nline \xff" * 2000
        self.send(b"\0" + struct.pack(">I", len(text)) + text)
        self.wait()

    def do_huge_clipboard(self):
        self.start()
        self.update(self.colour())
        self.send(struct.pack(">BxxxI", 3, HUGE))
        while True:
            self.send(b"x" * 65536)

    def do_noise(self):
        """Bells and a clipboard, which are harmless."""
        self.start()
        self.send(b"\2" * 100 + struct.pack(">BxxxI", 3, 100000) + b"clip" * 25000)
        self.update(self.colour())
        self.answer()

    def do_plain_in_clear(self):
        """VeNCrypt, but user name and password are to be sent without TLS."""
        self.version()
        self.send(b"\1\x13")
        self.take(1)
        self.send(b"\0\2")
        self.take(2)
        self.send(b"\0\1" + struct.pack(">I", 256))
        self.wait()

"""A camera that misbehaves as it is told: what a real server never does. In threads of the test; standard library only.

    camera = FakeCamera("silent")         # listens on 127.0.0.1, camera.port
    camera.behave("good")                 # from the next connection on, and lets go of those it has
    camera.requests, camera.attempts      # how many came, and how many of them asked for a picture (DESCRIBE)
    camera.stop()

With tls, an ssl.SSLContext, it speaks TLS.

Its video, where it has one, is real: H.264 or H.265 in RTP over the RTSP connection."""
import itertools
import os
import random
import re
import socket
import struct
import subprocess
import threading
import time

FPS = 10
FU_BYTES = 1000  # of a NAL unit in one RTP packet
REALM = "camera"
# H.264 that claims 8192x8192 pixels and 16 reference frames: SPS, PPS, and the beginning of a key frame
TOO_LARGE = [bytes.fromhex(unit) for unit in ("676e003eacb088010000200c80", "68ce3c80", "658884a27272727272727278")]


class Codec:
    """How a codec's NAL units are made and cut."""

    def __init__(self, name, encoder, parameters, header, delimiter, fragment):
        self.name, self.encoder, self.parameters = name, encoder, parameters
        self.header = header  # bytes of a NAL unit's
        self.delimiter, self.fragment = delimiter, fragment  # types of NAL units

    def type_of(self, unit):
        return unit[0] & 31 if self.header == 1 else unit[0] >> 1 & 63

    def fragment_header(self, unit, first, last):
        """Of a fragmentation unit: RFC 6184, 5.8; RFC 7798, 4.4.3."""
        mark = first << 7 | last << 6 | self.type_of(unit)
        if self.header == 1:
            return bytes([unit[0] & 0xe0 | self.fragment, mark])
        return bytes([unit[0] & 0x81 | self.fragment << 1, unit[1], mark])

    def make_video(self):
        """Pictures as lists of NAL units, the first a key frame as every tenth; encoded by ffmpeg."""
        stream = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc=size=320x240:rate={FPS},noise=alls=20:allf=t", "-frames:v", "20",
             "-c:v", self.encoder, "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", *self.parameters, "-pix_fmt",
             "yuv420p", "-f", self.name, "-"], stdout=subprocess.PIPE, check=True).stdout
        pictures = []
        for unit in re.split(b"\0\0\0?\1", stream)[1:]:
            if self.type_of(unit) == self.delimiter:
                pictures.append([])
            else:
                pictures[-1].append(unit)
        return pictures


CODECS = {
    "h264": Codec("h264", "libx264", ["-x264-params", "aud=1:repeat-headers=1"], 1, 9, 28),
    "h265": Codec("hevc", "libx265", ["-x265-params", "aud=1:repeat-headers=1:keyint=10:min-keyint=10:log-level=none"], 2, 35, 49),
}


class Gone(Exception):
    """The connection is over."""


class Connection:
    def __init__(self, camera, client):
        self.camera, self.client, self.buffer = camera, client, b""
        self.mode = camera.mode
        self.sequence = 0

    def alive(self):
        return self.mode == self.camera.mode and not self.camera.ended

    def send(self, data):
        while data:
            if not self.alive():
                raise Gone
            try:
                data = data[self.client.send(data):]
            except socket.timeout:
                pass

    def request(self):
        """The next request: method, headers as text."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.alive():
                raise Gone
            try:
                data = self.client.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise Gone
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        text = text.decode(errors="replace")
        self.camera.requests += 1
        return text.split(" ")[0], text

    def answer(self, request, status="200 OK", headers="", body="", length=None):
        sequence = re.search(r"^CSeq: *(\d+)", request, re.M | re.I)
        self.send((f"RTSP/1.0 {status}\r\nCSeq: {sequence.group(1) if sequence else 0}\r\n{headers}"
                   f"Content-Length: {len(body) if length is None else length}\r\n\r\n{body}").encode())

    def wait(self, seconds=3600.0):
        """Says nothing for a while, or until it is let go."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.alive():
                raise Gone
            try:
                if not self.client.recv(65536):
                    raise Gone
            except socket.timeout:
                pass

    # ---- what it does ----

    def run(self):
        if self.mode == "silent":
            self.wait()
        elif self.mode == "rubbish":
            self.send(random.randbytes(100000))
            self.wait()
        elif self.mode == "endless header":
            self.send(b"RTSP/1.0 200 OK\r\n")
            for i in itertools.count():
                self.send(f"X-Line-{i}: {'x' * 80}\r\n".encode())
                time.sleep(0.001)
        else:
            self.serve()

    def serve(self):
        while True:
            method, request = self.request()
            if method == "OPTIONS":
                self.answer(request, headers="Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n")
                if self.mode == "only options":
                    self.wait()
            elif method == "DESCRIBE":
                self.describe(request)
            elif method == "SETUP":
                self.answer(request, headers="Session: 1;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
            elif method == "PLAY":
                self.answer(request, headers="Session: 1\r\n")
                self.play()
            else:
                self.answer(request, headers="Session: 1\r\n")

    def describe(self, request):
        self.camera.attempts += 1
        port = self.camera.port
        sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        video = (f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {self.camera.codec.upper()}/90000\r\na=fmtp:96 packetization-mode=1\r\n"
                 "a=control:track0\r\n")
        if self.mode == "basic":
            self.answer(request, "401 Unauthorized", f'WWW-Authenticate: Basic realm="{REALM}"\r\n')
        elif self.mode == "digest":
            self.answer(request, "401 Unauthorized", f'WWW-Authenticate: Digest realm="{REALM}", nonce="{os.urandom(8).hex()}"\r\n')
        elif self.mode == "no path":
            self.answer(request, "404 Not Found")
        elif self.mode == "redirects":
            self.answer(request, "302 Found", f"Location: {self.camera.elsewhere}\r\n")
        elif self.mode == "endless answer":
            self.answer(request, headers="Content-Type: application/sdp\r\n", body=sdp, length=2000000000)
            self.wait()
        else:
            if self.mode == "no video":
                video = "m=audio 0 RTP/AVP 8\r\na=control:track0\r\n"
            elif self.mode == "large answer":
                video = "".join(f"a=x-line-{i}:{'x' * 100}\r\n" for i in range(9000)) + "m=application 0 RTP/AVP 97\r\n"
            self.answer(request, headers=f"Content-Type: application/sdp\r\nContent-Base: rtsp://127.0.0.1:{port}/x/\r\n",
                        body=sdp + video)

    def rtp(self, payload, stamp, marker):
        header = struct.pack(">BBHII", 0x80, 96 | marker << 7, self.sequence & 0xffff, stamp & 0xffffffff, 1)
        self.sequence += 1
        return b"$\0" + struct.pack(">H", len(header) + len(payload)) + header + payload

    def packets(self, picture, stamp):
        """A picture as RTP packets, large NAL units in fragments."""
        codec = CODECS[self.camera.codec]
        for unit in picture:
            last = unit is picture[-1]
            if len(unit) <= FU_BYTES:
                yield self.rtp(unit, stamp, last)
                continue
            parts = [unit[i:i + FU_BYTES] for i in range(codec.header, len(unit), FU_BYTES)]
            for i, part in enumerate(parts):
                end = i == len(parts) - 1
                yield self.rtp(codec.fragment_header(unit, i == 0, end) + part, stamp, last and end)

    def play(self):
        start = time.monotonic()
        for number in itertools.count():
            if self.mode == "rubbish pictures":
                for size in (0, 1, 11, 12, 13, 50, 1200):
                    noise = random.randbytes(size)
                    self.send(b"$" + bytes([number & 3]) + struct.pack(">H", size) + noise)
                    self.send(self.rtp(noise, number * 9000, number & 1))
            else:
                video = [TOO_LARGE] if self.mode == "too large" else FakeCamera.videos[self.camera.codec]
                packets = list(self.packets(video[number % len(video)], number * 90000 // FPS))
                if self.mode == "loses" and number % 10 == 2:
                    del packets[len(packets) // 2]  # of the third picture behind each key frame
                if self.mode in ("stops", "cuts") and number >= FPS:
                    data = b"".join(packets)
                    self.send(data[:len(data) // 2])
                    if self.mode == "stops":
                        self.wait()
                    raise Gone
                self.send(b"".join(packets))
            self.wait(max(0.001, start + (number + 1) / FPS - time.monotonic()))


class FakeCamera:
    videos = {}

    def __init__(self, mode, tls=None, codec="h264"):
        if codec not in FakeCamera.videos:
            FakeCamera.videos[codec] = CODECS[codec].make_video()
        self.codec = codec
        self.mode, self.ended, self.tls = mode, False, tls
        self.elsewhere = "rtsp://127.0.0.1:1/"  # where "redirects" leads
        self.requests = self.attempts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        self.listener.settimeout(0.1)
        while not self.ended:
            try:
                client = self.listener.accept()[0]
            except socket.timeout:
                continue
            thread = threading.Thread(target=self.talk, args=(client,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def talk(self, client):
        with client:
            try:
                if self.tls:
                    client.settimeout(5)
                    client = self.tls.wrap_socket(client, server_side=True)
                client.settimeout(0.02)
                with client:
                    Connection(self, client).run()
            except (Gone, OSError):
                pass

    def behave(self, mode):
        self.mode = mode

    def stop(self):
        self.ended = True
        for thread in self.threads:
            thread.join()
        self.listener.close()

"""Requests as no browser sends them, which a proxy in front may read in another way than ddrecv."""
import re
import socket

import harness

LAST = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class RequestsTest(harness.Test):
    def setUp(self):
        super().setUp()
        self.ddrecv = self.receiver_stream(harness.free_port(socket.SOCK_DGRAM), self.key_file())

    def ask(self, request):
        """The statuses of what is answered to request, and to another one behind it on the same connection."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.ddrecv.http_port), 10) as connection:
            connection.sendall((request + LAST).encode("latin1"))
            try:
                while data := connection.recv(65536):
                    got += data
            except ConnectionResetError:
                pass  # what was not read makes the end a reset
            return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]

    def test_paths_are_matched_as_sent(self):
        for path in ("/stream%2fstats", "/stream%2Fstats", "/stream%00/stats", "/stream/stats%00", "/%73tream/stats", "/stream/%73tats",
                     "/stream/stats%20", "/stream/snapshot%2ejpg"):
            self.assertEqual(self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"), [404, 200], path)
        for path in ("/stream/stats", "/stream/stats?%00"):
            self.assertEqual(self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"), [200, 200], path)

    def test_headers_may_be_long(self):
        for size, status in ((15000, 200), (40000, 431)):
            request = f"GET /stream/stats HTTP/1.1\r\nHost: x\r\nCookie: {size * 'x'}\r\n\r\n"
            self.assertEqual(self.ask(request)[0], status, size)

    def test_a_body_is_refused(self):
        inner = "GET /stream/stats HTTP/1.1\r\nHost: x\r\n\r\n"
        for fields, body in (("Content-Length: 3", "abc"), ("Content-Length: 0\r\nContent-Length: 0", ""),
                             ("Content-Length: 0\r\nContent-Length: 3", "abc"), (f"Content-Length: {len(inner)}", inner),
                             ("Content-Length: 00", ""), ("Content-Length: +0", ""), ("Content-Length: 0, 0", ""),
                             ("Content-Length : 3", "abc"), ("Content-Length\t: 0", ""),
                             ("Transfer-Encoding : chunked", "0\r\n\r\n"),
                             ("Transfer-Encoding: chunked", "0\r\n\r\n"), ("transfer-encoding: identity", ""),
                             ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
                             ("Transfer-Encoding: xchunked\r\nContent-Length: 0", ""),
                             ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
                             ("Content-Length: 3\r\nExpect: 100-continue", "abc")):
            for method in ("GET", "HEAD", "POST"):
                request = f"{method} /stream/stats HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{body}"
                # libmicrohttpd 0.9.75 begins some refusals of its own twice
                self.assertEqual(set(self.ask(request)), {400}, f"{method} {fields}")
        self.assertEqual(self.ask("GET /stream/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), [200, 200])
        self.assertEqual(self.ask("POST /stream/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), [405])


if __name__ == "__main__":
    harness.main()

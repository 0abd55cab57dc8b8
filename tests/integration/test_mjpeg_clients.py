"""Programs that read /stream besides our pages: curl and ffmpeg."""
import re
import socket
import subprocess

import harness

HEAD = re.compile(rb"Content-Type: image/jpeg\r\nContent-Length: (\d+)\r\nX-Frame: (\d+)\r\n"
                  rb"X-Captured-At: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\r\nX-State: (live|stalled|stale)\r\n\r\n")


class ReadersTest(harness.Test):
    def stream(self, *arguments):
        """The address of a live test card."""
        key, port = self.key_file(), harness.free_port(socket.SOCK_DGRAM)
        receiver = self.receiver_stream(port, key)
        self.card(port, key, *arguments)
        receiver.wait_live()
        return f"http://127.0.0.1:{receiver.http_port}/stream"

    def curl(self, url, seconds):
        """What it got within a while: (boundary, bytes)."""
        harness.require_program("curl")
        done = subprocess.run(["curl", "-s", "-N", "-m", str(seconds), "-D", self.path("head"), url], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 28, "the time is over, and nothing else")
        with open(self.path("head"), encoding="latin1") as f:
            found = re.search(r'(?mi)^Content-Type: multipart/x-mixed-replace; *boundary="?([\w-]+)"?\r?$', f.read())
        return b"--" + found.group(1).encode(), done.stdout

    def parts(self, boundary, got):
        """[(frame, state, JPEG)]; each piece must be right where it belongs. What comes last may be cut off."""
        parts, at = [], 0
        self.assertTrue(got.startswith(boundary + b"\r\n"), got[:80])
        at += len(boundary) + 2
        while head := HEAD.match(got, at):
            end = head.end() + int(head[1])
            if not got[end:].startswith(b"\r\n" + boundary + b"\r\n"):
                break
            harness.jpeg_size(got[head.end():end])
            parts.append((int(head[2]), head[3].decode(), got[head.end():end]))
            at = end + len(boundary) + 4
        return parts, got[at:]

    def test_curl_reads_parts(self):
        boundary, got = self.curl(self.stream(), 2)
        parts, rest = self.parts(boundary, got)
        self.assertGreater(len(parts), 10)
        numbers = [number for number, _, _ in parts]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual({state for _, state, _ in parts}, {"live"})
        self.assertNotIn(boundary, rest)

    def test_the_boundary_is_right_behind_a_still_picture(self):
        boundary, got = self.curl(self.stream("--interval", "3600"), 0.8)
        parts, rest = self.parts(boundary, got)
        self.assertEqual(rest, b"")
        self.assertEqual(len({number for number, _, _ in parts}), 1)

    def test_ffmpeg_decodes_frames(self):
        harness.require_program("ffmpeg")
        done = subprocess.run(["ffmpeg", "-v", "error", "-i", self.stream(), "-frames:v", "10", "-fps_mode", "passthrough", "-f",
                               "framemd5", "-"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        frames = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
        self.assertEqual(len(frames), 10)
        self.assertEqual(len({fields[-1] for fields in frames}), 10, "no two are the same")
        self.assertEqual({fields[-2].strip() for fields in frames}, {str(320 * 240 * 3)}, "4:4:4")


if __name__ == "__main__":
    harness.main()

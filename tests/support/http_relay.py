"""A relay for HTTP on loopback that spoils the way of the pictures, and of nothing else, to a browser.

In the test's own process, in a thread. Each request goes to the server on a connection of its own, and its answer ends with
that connection. Answers to what ends in /stream can be held back, delayed or slowed down; the others pass at once."""
import asyncio
import re
import threading
import time

BLOCK = 4096
HELD_MAX = 64 * 1024 * 1024  # what a delay may keep; more of it would be a test gone wrong
OWN_ANSWER = (b"HTTP/1.1 %d Its own\r\nLocation: /login\r\nContent-Type: text/html\r\nContent-Length: 13\r\n"
              b"Connection: close\r\n\r\n<p>A page</p>")


class HttpRelay:
    """From port to to_port. What is set takes effect at once, for connections that are there already, too."""

    def __init__(self, to_port):
        self.to_port = to_port
        self.held = False  # nothing passes, and nothing is taken from the server
        self.delay = 0  # seconds that each byte stays here
        self.rate = 0  # bytes per second of each connection; 0: as fast as they come
        self.statuses = {}  # HTTP statuses with which the relay itself answers what ends so: {"/freshness": 503}
        self.streams = 0  # how many there have been
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader, writer):
        """One request of the browser."""
        upstream = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].split(b"?")[0]
            if status := next((s for end, s in self.statuses.items() if path.endswith(end.encode())), None):
                writer.write(OWN_ANSWER % status)
                await writer.drain()
                return
            head = re.sub(rb"\r\nConnection: [^\r]*", b"", head, flags=re.I).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            answer, upstream = await asyncio.open_connection("127.0.0.1", self.to_port)
            upstream.write(head)
            passing = self._pass_pictures if path.endswith(b"/stream") else self._pass
            tasks = [asyncio.create_task(passing(answer, writer)), asyncio.create_task(reader.read(1))]  # its end
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side has gone
        finally:
            for side in filter(None, (writer, upstream)):
                side.close()

    async def _pass(self, answer, writer):
        while block := await answer.read(BLOCK):
            writer.write(block)
            await writer.drain()

    async def _pass_pictures(self, answer, writer):
        self.streams += 1
        queue = asyncio.Queue(HELD_MAX // BLOCK)
        feeding = asyncio.create_task(self._feed(answer, queue))
        try:
            while (item := await queue.get())[1]:
                arrived, block = item
                while self.held or time.monotonic() < arrived + self.delay:
                    await asyncio.sleep(0.01)
                if self.rate:
                    await asyncio.sleep(len(block) / self.rate)
                writer.write(block)
                await writer.drain()
        finally:
            feeding.cancel()

    async def _feed(self, answer, queue):
        block = b"-"
        while block:
            while self.held:
                await asyncio.sleep(0.01)
            block = await answer.read(min(BLOCK, self.rate // 4 or BLOCK))
            await queue.put((time.monotonic(), block))

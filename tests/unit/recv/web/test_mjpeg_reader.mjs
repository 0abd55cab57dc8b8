import assert from "node:assert/strict";
import test from "node:test";

import { readPictures } from "../../../../src/recv/web/mjpeg_reader.js";
import { FakeResponse } from "./fake_page.mjs";

const BOUNDARY = "--softdatadiode-picture\r\n";

const bytesOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const header = (size, frame, state) =>
  `Content-Type: image/jpeg\r\nContent-Length: ${size}\r\nX-Frame: ${frame}\r\nX-State: ${state}\r\n\r\n`;

// As the server writes it: each picture is followed by the boundary of the next part.
const part = (picture, frame, state = "live") => `${header(picture.length, frame, state)}${picture}\r\n${BOUNDARY}`;

function cut(text, size) {
  const chunks = [];
  for (let i = 0; i < text.length; i += size) chunks.push(text.slice(i, i + size));
  return chunks;
}

// fetch() answers with these chunks, and then ends, or fails with error.
function serve(t, chunks, { status = 200, error = null, refusal = undefined } = {}) {
  t.mock.method(globalThis, "fetch", async (url, options) => {
    assert.equal(url, "cam/stream");
    assert.equal(options.cache, "no-store");
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? bytesOf(chunk) : chunk);
        if (error) controller.error(error);
        else controller.close();
      },
    });
    return Object.assign(new FakeResponse(status, null, refusal), { body });
  });
}

// Reads all: parts as [frame, state, picture as text], and how often bytes arrived.
async function read(signal = new AbortController().signal) {
  const parts = [];
  let arrivals = 0;
  const onPart = async ({ frame, state, bytes }) => parts.push([frame, state, Buffer.from(bytes).toString("latin1")]);
  await readPictures("cam/stream", signal, onPart, () => arrivals++);
  return { parts, arrivals };
}

test("chunks of any size give the same parts", async (t) => {
  // pictures with line ends, empty lines and boundaries in them
  const pictures = ["ABCD", "\r\n\r\n", `\r\n${BOUNDARY}X-Frame: 9\r\n\r\n`, "", "\xff\xd8\x00\xff\xd9"];
  const text = `\r\n\r\n${BOUNDARY}${pictures.map((picture, i) => part(picture, 41 + i, i % 2 ? "stalled" : "live")).join("")}`;
  const expected = pictures.map((picture, i) => [41 + i, i % 2 ? "stalled" : "live", picture]);
  for (let size = 1; size <= text.length; size++) {
    const chunks = cut(text, size);
    serve(t, chunks);
    const { parts, arrivals } = await read();
    assert.deepEqual(parts, expected, `chunks of ${size}`);
    assert.equal(arrivals, chunks.length);
  }
});

test("pictures larger than the buffer, after a small one", async (t) => {
  const large = "0123456789".repeat(100_000);
  serve(t, cut(BOUNDARY + part("small", 1) + part(large, 2) + part(large, 3), 65_521));
  const { parts } = await read();
  assert.deepEqual(parts.map(([frame]) => frame), [1, 2, 3]);
  assert.ok(parts[1][2] === large && parts[2][2] === large);
});

test("a part belongs to the caller: later bytes do not change it", async (t) => {
  const seen = [];
  serve(t, [BOUNDARY + part("first", 1) + part("x".repeat(200_000), 2), part("y".repeat(100_000), 3)]); // reuses the buffer
  await readPictures("cam/stream", new AbortController().signal, async ({ bytes }) => seen.push(bytes), () => {});
  assert.equal(seen.length, 3);
  assert.equal(String.fromCharCode(...seen[0]), "first");
});

test("names of header fields in any case, and fields that are not known", async (t) => {
  serve(t, [`${BOUNDARY}CONTENT-LENGTH:2\r\nx-other: 1\r\nx-frame:  5 \r\nno field\r\nX-STATE: stale\r\n\r\nAB\r\n`]);
  assert.deepEqual((await read()).parts, [[5, "stale", "AB"]]);
});

test("a part says when its picture was captured: a frame's number may be used again", async (t) => {
  const seen = [];
  const at = (second) => `Content-Length: 1\r\nX-Frame: 5\r\nX-Captured-At: 2026-01-01T12:00:0${second}.000Z\r\n\r\nA\r\n${BOUNDARY}`;
  serve(t, [BOUNDARY + at(1) + at(2)]);
  await readPictures("cam/stream", new AbortController().signal, async (part) => seen.push([part.frame, part.capturedAt]), () => {});
  assert.deepEqual(seen, [[5, "2026-01-01T12:00:01.000Z"], [5, "2026-01-01T12:00:02.000Z"]]);
});

test("a part waits until the one before it was handled", async (t) => {
  const order = [];
  serve(t, [BOUNDARY + part("A", 1) + part("B", 2)]);
  const onPart = async ({ frame }) => {
    order.push(`begin ${frame}`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`end ${frame}`);
  };
  await readPictures("cam/stream", new AbortController().signal, onPart, () => {});
  assert.deepEqual(order, ["begin 1", "end 1", "begin 2", "end 2"]);
});

test("a picture is there with its last byte", async (t) => {
  serve(t, [BOUNDARY + header(10, 1, "live") + "0123456789"]);
  assert.deepEqual((await read()).parts, [[1, "live", "0123456789"]]);
});

test("an unfinished part at the end is left out", async (t) => {
  serve(t, [BOUNDARY + part("A", 1) + header(10, 2, "live") + "012345678"]);
  assert.deepEqual((await read()).parts, [[1, "live", "A"]]);
});

test("refuses what is no stream of pictures", async (t) => {
  const wrong = [
    `${BOUNDARY}X-Frame: 1\r\n\r\n`, // no length
    `${BOUNDARY}Content-Length: -1\r\n\r\n`,
    `${BOUNDARY}Content-Length: 1.5\r\n\r\n`,
    `${BOUNDARY}Content-Length: 999999999999\r\n\r\n`,
    "x".repeat(20_000), // a header without an end
  ];
  for (const text of wrong) {
    serve(t, cut(text, 1000));
    await assert.rejects(read(), /no stream of pictures|without its length/, text.slice(0, 60));
  }
});

test("a refusal has its HTTP status, and what the server says of it", async (t) => {
  serve(t, [], { status: 503 });
  await assert.rejects(read(), { status: 503, refusal: "" });
  serve(t, [], { status: 503, refusal: "too many viewers" });
  await assert.rejects(read(), { status: 503, refusal: "too many viewers" });
  serve(t, [], { status: 302 });
  await assert.rejects(read(), { status: 302, refusal: "" });
});

test("a connection that breaks is an error", async (t) => {
  serve(t, [BOUNDARY], { error: new TypeError("network error") });
  await assert.rejects(read(), /network error/);
});

test("an abort ends the wait for a picture that is being handled", async (t) => {
  const controller = new AbortController();
  serve(t, [BOUNDARY + part("A", 1)]);
  const reading = readPictures("cam/stream", controller.signal, () => new Promise(() => {}), () => {});
  setImmediate(() => controller.abort());
  await assert.rejects(reading, { name: "AbortError" });
});

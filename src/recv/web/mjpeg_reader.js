// Reads the parts of a multipart/x-mixed-replace stream of pictures (MJPEG over HTTP).

import { readResponse } from "./wording.js";

const HEADER_MAX = 16 * 1024;
const PICTURE_MAX = 256 * 1024 * 1024;
const BUFFER_BYTES = 256 * 1024; // at first
const CR = 13;
const LF = 10;

// Bytes that have arrived and are not used yet. The buffer grows as needed, and its contents are moved rarely.
class ByteQueue {
  bytes = new Uint8Array(BUFFER_BYTES);
  start = 0;
  end = 0;

  get size() {
    return this.end - this.start;
  }

  append(chunk) {
    if (this.end + chunk.length > this.bytes.length) {
      const room = Math.max(this.bytes.length, 2 * (this.size + chunk.length));
      const bytes = room > this.bytes.length ? new Uint8Array(room) : this.bytes;
      bytes.set(this.bytes.subarray(this.start, this.end));
      this.bytes = bytes;
      this.end -= this.start;
      this.start = 0;
    }
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  // Removes the bytes up to and including the first empty line, and returns the text before it; null if no empty line has arrived.
  takeHeader() {
    const { bytes, end } = this;
    for (let i = this.start; i + 3 < end; i++) {
      if (bytes[i] === CR && bytes[i + 1] === LF && bytes[i + 2] === CR && bytes[i + 3] === LF) {
        const text = new TextDecoder("latin1").decode(bytes.subarray(this.start, i));
        this.start = i + 4;
        return text;
      }
    }
    if (this.size > HEADER_MAX) throw new Error("this is no stream of pictures");
    return null;
  }

  // Removes the next size bytes, and returns a copy of them; null if fewer have arrived.
  take(size) {
    if (this.size < size) return null;
    const bytes = this.bytes.slice(this.start, this.start + size);
    this.start += size;
    return bytes;
  }

  // Line ends come between a picture and the next boundary; before the first part the server sends them as signs of life.
  skipLineEnds() {
    while (this.size && (this.bytes[this.start] === CR || this.bytes[this.start] === LF)) this.start++;
  }
}

function parseHeader(text) {
  const fields = {};
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const size = Number(fields["content-length"]);
  if (!Number.isInteger(size) || size < 0 || size > PICTURE_MAX) throw new Error("a part without its length");
  return { size, frame: Number(fields["x-frame"]), state: fields["x-state"], capturedAt: fields["x-captured-at"] };
}

// Settles like promise, or rejects as soon as signal aborts.
function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason ?? new Error("aborted"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

// Fetches url, and calls onPart({frame, state, capturedAt, bytes}) for each picture. onPart returns a promise, which is awaited
// before the next part: the server skips pictures for a slow reader. Calls onBytes() whenever bytes arrive. Returns when the stream
// ends. Throws if it breaks, if it is no such stream, or if signal aborts; an error has the properties status and refusal of
// readResponse() if the server refused. The caller aborts signal in any case, so that the connection is closed.
export async function readPictures(url, signal, onPart, onBytes) {
  const response = await fetch(url, { cache: "no-store", redirect: "manual", signal });
  if (!response.ok) throw Object.assign(new Error("refused"), readResponse(response));
  const reader = response.body.getReader();
  const queue = new ByteQueue();
  let header = null; // of the part whose picture has not arrived yet
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    queue.append(value);
    for (;;) {
      if (!header) {
        queue.skipLineEnds();
        const text = queue.takeHeader();
        if (text === null) break;
        header = parseHeader(text);
      }
      const bytes = queue.take(header.size);
      if (!bytes) break;
      const { frame, state, capturedAt } = header;
      header = null;
      await unlessAborted(onPart({ frame, state, capturedAt, bytes }), signal);
    }
  }
}

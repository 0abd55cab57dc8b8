// Reads a multipart/x-mixed-replace stream of pictures part by part.

const HEAD_MAX = 16 * 1024;
const PICTURE_MAX = 256 * 1024 * 1024;

// What has come in and isn't used yet: a buffer that grows as needed and is moved rarely.
class Inbox {
  constructor() {
    this.bytes = new Uint8Array(256 * 1024);
    this.start = 0;
    this.end = 0;
  }

  get size() {
    return this.end - this.start;
  }

  put(chunk) {
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

  // The text up to the first empty line, which is taken as well; null if it isn't there yet.
  takeHead() {
    const { bytes, end } = this;
    for (let i = this.start; i + 3 < end; i++) {
      if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
        const text = new TextDecoder("latin1").decode(bytes.subarray(this.start, i));
        this.start = i + 4;
        return text;
      }
    }
    if (this.size > HEAD_MAX) throw new Error("this is no stream of pictures");
    return null;
  }

  // A copy of the next size bytes, null if they aren't there yet.
  take(size) {
    if (this.size < size) return null;
    const bytes = this.bytes.slice(this.start, this.start + size);
    this.start += size;
    return bytes;
  }

  // Signs of life before the first part, and the line ends between a picture and the next boundary.
  skipLineEnds() {
    while (this.size && (this.bytes[this.start] === 13 || this.bytes[this.start] === 10)) this.start++;
  }
}

function readHead(text) {
  const fields = {};
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const size = Number(fields["content-length"]);
  if (!Number.isInteger(size) || size < 0 || size > PICTURE_MAX) throw new Error("a part without its length");
  return { size, frame: Number(fields["x-frame"]), state: fields["x-state"] };
}

// Settles like promise, or is rejected as soon as signal aborts.
function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason ?? new Error("aborted"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

// Calls onPart({frame, state, bytes}) for each picture, and waits for it: what it is too slow for, the server leaves out.
// Calls onBytes() whenever something comes in, be it a piece of a picture. Ends when the stream does; throws when it breaks
// or signal aborts it; is to be aborted then, lest the connection stays.
export async function readPictures(url, signal, onPart, onBytes) {
  const response = await fetch(url, { cache: "no-store", signal });
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
  const reader = response.body.getReader();
  const inbox = new Inbox();
  let head = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    inbox.put(value);
    for (;;) {
      if (!head) {
        inbox.skipLineEnds();
        const text = inbox.takeHead();
        if (text === null) break;
        head = readHead(text);
      }
      const bytes = inbox.take(head.size);
      if (!bytes) break;
      const { frame, state } = head;
      head = null;
      await unlessAborted(onPart({ frame, state, bytes }), signal);
    }
  }
}

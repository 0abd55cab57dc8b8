// Watches the way of the pictures from the server to this browser: compares the frame on the screen with the server's newest one,
// and notices when nothing arrives. All times are performance.now(), and given by the caller.

import { formatDuration } from "./wording.js";

// Together with the polling period of 1 s, and the time until the next rendering, each of the two is reported within 3 s.
const LATE_MS = 1500; // how long a picture that the server has may take to get here
const QUIET_MS = 2500; // the server sends at least the same picture again each second
const AWAITED_MAX = 100;

export class Delivery {
  shown = null; // number of the frame on the screen; null: none yet
  confirmed = false; // it was shown, or is the server's newest, since the last gap
  undecodable = null; // number of a frame that this browser can't show
  refusal = null; // the server or its proxy refuses the pictures: why, in words
  awaited = []; // frames that the server had when asked, and that are not on the screen yet: {frame, since}, oldest first
  #lagMs = 0; // how long the last awaited frame took that arrived; 0: none is awaited
  #bytesAt = 0; // the last bytes of the stream of pictures arrived
  #expectedFrom; // since when pictures should arrive
  #serverHasFrame = false;

  constructor(now) {
    this.#expectedFrom = now;
  }

  // Bytes of the stream of pictures have arrived.
  receive(now) {
    this.#bytesAt = now;
    this.refusal = null;
  }

  // For how long no bytes have arrived, counted from `since` at the earliest.
  quietMs(now, since = this.#expectedFrom) {
    return now - Math.max(this.#bytesAt, since);
  }

  // This frame is on the screen now.
  show(frame, now) {
    this.shown = frame;
    this.confirmed = true;
    this.undecodable = null;
    const reached = this.awaited.findIndex((one) => one.frame === frame);
    const arrived = reached >= 0 ? this.awaited.slice(0, reached + 1) : this.awaited.filter((one) => one.frame < frame);
    if (arrived.length) this.#lagMs = now - arrived[arrived.length - 1].since;
    this.#setAwaited(this.awaited.filter((one) => !arrived.includes(one)));
  }

  // The server's newest frame is this one; null: it has none. expected: this page wants pictures now.
  announce(frame, now, expected) {
    if (frame !== null && !this.#serverHasFrame) this.#expectedFrom = now;
    this.#serverHasFrame = frame !== null;
    if (frame === this.shown) this.confirmed = true;
    if (expected) this.#await(frame, now);
  }

  // After a gap: the picture on the screen may be old, and another one should arrive from now on.
  restart(now) {
    this.#setAwaited([]);
    this.confirmed = false;
    this.#expectedFrom = now;
  }

  // What is wrong between the server, which has a frame, and this browser: {words, age}; null: nothing.
  trouble(now) {
    if (this.refusal !== null) return { words: this.refusal, age: "" };
    const quiet = this.quietMs(now);
    if (quiet > QUIET_MS) return { words: "Connection to this browser stalled", age: `for ${formatDuration(quiet / 1000)}` };
    const late = this.awaited.length ? Math.max(now - this.awaited[0].since, this.#lagMs) : 0;
    if (late <= LATE_MS) return null;
    if (this.undecodable !== null) return { words: "This browser cannot decode the picture", age: "" };
    return { words: "Picture is late on its way to this browser", age: `${formatDuration(late / 1000)} behind` };
  }

  // Awaits frame, unless it is awaited already, or it or a newer one is on the screen.
  #await(frame, now) {
    const newest = this.awaited.length ? this.awaited[this.awaited.length - 1].frame : this.shown;
    if (newest !== null && frame < newest) this.#setAwaited([]); // the server has restarted, or has no frame (null counts as 0)
    if (frame === null || frame === newest || (this.shown !== null && frame <= this.shown)) return;
    if (this.awaited.length === AWAITED_MAX) this.awaited.pop(); // the oldest one says how late the picture is
    this.awaited.push({ frame, since: now });
  }

  #setAwaited(frames) {
    this.awaited = frames;
    if (!frames.length) this.#lagMs = 0;
  }
}

// Polls the freshness once a second as long as the page lives, visible or not. Ages are never computed from the time of day, which
// may be set while the page is open.

import { readResponse } from "./wording.js";

const PERIOD_MS = 1000;
const PERIOD_MIN_MS = 100; // the least pause after a slow response
const SHARED_MS = 250; // how old a response may be at the server, which gives the same to all who ask within this time
const RESPONSE_LIMIT_MS = 4000; // then the request is given up
const LOST_MS = 2500; // without a response
// If the proxy's password was changed, the browser opens a dialog by itself, and the request waits for that.
const PROBE_MS = 1500; // after this long without a response, the page asks whether a log-in is needed
const DIALOG_LIMIT_MS = 20_000; // then the request is given up: time to type a password
const LOGIN_PAUSE_MS = 5000; // after a refusal: each request opens the dialog again
const TICK_MS = 250;
const NO_ANSWER = { status: 0, refusal: "" };
const LOGIN = 401;
const SLEPT_MS = 5000; // a tick that is this late means that the computer slept, not that it was busy

export class FreshnessPoller {
  freshness = null; // the last response; null: there is none, or it no longer counts
  trueAt = 0; // it was true then or later: never say less than its age
  answeredAt = performance.now();
  lost = false; // the server does not answer
  failure = NO_ANSWER; // of the last request: what there was instead of freshness

  #resumedAt = performance.now();
  #tickedAt = performance.now();
  #wallOffset = Date.now() - performance.now();
  #pollNow = () => {}; // ends the current request or pause

  // onChange() is called after each response and several times a second. onGap() is called if what the page shows may be old: the
  // tab was hidden, the computer slept, or the server was away.
  constructor(url, onChange, onGap) {
    this.url = url;
    this.onChange = onChange;
    this.onGap = onGap;
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => {
      this.#detectSleep();
      if (!document.hidden) this.#resume();
    });
    window.addEventListener("online", () => this.#pollNow());
    this.#run();
  }

  // For how long the server has not answered.
  silentMs(now) {
    return now - this.answeredAt;
  }

  #isLost(now) {
    return now - Math.max(this.answeredAt, this.#resumedAt) >= LOST_MS;
  }

  // After a gap: polls at once, and drops an old response.
  #resume() {
    const now = performance.now();
    if (this.silentMs(now) >= LOST_MS) this.freshness = null;
    this.#resumedAt = this.#tickedAt = now;
    this.#pollNow();
    this.onGap();
  }

  // In some browsers performance.now() stands still while the computer sleeps; only the time of day goes on. So a jump of the time
  // of day counts as sleep, too: at worst the page polls once too often.
  #detectSleep() {
    const now = performance.now();
    const offset = Date.now() - now;
    const jumped = offset - this.#wallOffset > SLEPT_MS;
    const late = !document.hidden && now - this.#tickedAt > SLEPT_MS;
    this.#wallOffset = offset;
    this.#tickedAt = now;
    if (jumped) this.freshness = null;
    if (jumped || late) this.#resume();
  }

  #tick() {
    this.#detectSleep();
    // Timers of a hidden page are throttled, so a late response there says nothing.
    if (!document.hidden && this.#isLost(performance.now())) this.lost = true;
    this.onChange();
  }

  async #run() {
    for (;;) {
      const askedAt = performance.now();
      const { freshness, failure, interrupted } = await this.#request();
      if (freshness) this.#succeed(freshness, askedAt);
      else if (!interrupted) this.#fail(failure);
      this.onChange();
      const period = this.failure.status === LOGIN ? LOGIN_PAUSE_MS : PERIOD_MS;
      if (!interrupted) await this.#pause(Math.max(PERIOD_MIN_MS, period - (performance.now() - askedAt)));
    }
  }

  // AbortSignal.timeout() would be shorter, but browsers on control-room walls may be older than it.
  async #request() {
    const controller = new AbortController();
    let interrupted = false;
    let failure = NO_ANSWER;
    let timer = setTimeout(() => controller.abort(), RESPONSE_LIMIT_MS);
    const probeTimer = setTimeout(async () => {
      if (!(await this.#asksLogin(controller.signal))) return;
      failure = this.failure = { status: LOGIN, refusal: "", isGuess: true };
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), DIALOG_LIMIT_MS);
    }, PROBE_MS);
    this.#pollNow = () => {
      interrupted = true;
      controller.abort();
    };
    try {
      const response = await fetch(this.url, { cache: "no-store", redirect: "manual", signal: controller.signal });
      failure = readResponse(response);
      if (response.ok) return { freshness: await response.json() };
    } catch {
      // no response, or not JSON: a failure
    } finally {
      clearTimeout(timer);
      clearTimeout(probeTimer);
      controller.abort(); // do not read the rest
    }
    return { failure, interrupted };
  }

  // Whether who answers asks for a log-in, while the request of signal waits. Without credentials the browser opens no dialog.
  async #asksLogin(signal) {
    try {
      const options = { cache: "no-store", credentials: "omit", redirect: "manual", signal };
      return (await fetch(this.url, options)).status === LOGIN && !signal.aborted;
    } catch {
      return false;
    }
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#pollNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #succeed(freshness, askedAt) {
    const wasLost = this.lost;
    this.freshness = freshness;
    this.trueAt = askedAt - SHARED_MS;
    this.answeredAt = performance.now();
    this.lost = false;
    this.failure = NO_ANSWER;
    if (wasLost) this.onGap();
  }

  #fail(failure) {
    this.failure = failure;
    if (this.#isLost(performance.now())) this.lost = true;
  }
}

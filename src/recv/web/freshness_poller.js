// Keeps in touch with the server: asks for a state once a second, as long as the page lives, visible or not. No age is made
// of the time of day: it may be set while the page is open.

const PERIOD_MS = 1000;
const PATIENCE_MS = 4000; // for one answer
const LOST_MS = 2500; // without an answer
const TICK_MS = 250;
const SLEPT_MS = 5000; // a tick that is this late was not only a busy computer

export class Contact {
  state = null; // the server's last word; null: none, or none that still counts
  askedAt = 0; // it was true then or later
  answeredAt = performance.now();
  lost = false;
  status = 0; // of HTTP, if the server, or a proxy, refuses to answer

  #resumedAt = performance.now();
  #tickedAt = performance.now();
  #wallOffset = Date.now() - performance.now();
  #hurry = () => {}; // asks at once

  // onChange() after each answer and several times a second; onGap() if what the page showed so far may be old: the tab
  // was hidden, the computer slept, the server was away.
  constructor(url, onChange, onGap) {
    this.url = url;
    this.onChange = onChange;
    this.onGap = onGap;
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => {
      this.#notice();
      if (!document.hidden) this.#resume();
    });
    window.addEventListener("online", () => this.#hurry());
    this.#run();
  }

  // For how long the server has not answered.
  silentMs(now) {
    return now - this.answeredAt;
  }

  #isLost(now) {
    return now - Math.max(this.answeredAt, this.#resumedAt) >= LOST_MS;
  }

  // What is left of before is not taken for new.
  #resume() {
    const now = performance.now();
    if (this.silentMs(now) >= LOST_MS) this.state = null;
    this.#resumedAt = this.#tickedAt = now;
    this.#hurry();
    this.onGap();
  }

  // Sees whether the computer has slept. In some browsers performance.now() stands still meanwhile, and only the time of day
  // goes on: that it jumps is no more than a reason to ask again.
  #notice() {
    const now = performance.now();
    const offset = Date.now() - now;
    const jumped = offset - this.#wallOffset > SLEPT_MS;
    const late = !document.hidden && now - this.#tickedAt > SLEPT_MS;
    this.#wallOffset = offset;
    this.#tickedAt = now;
    if (jumped) this.state = null;
    if (jumped || late) this.#resume();
  }

  #tick() {
    this.#notice();
    // Hidden, the timers of a page run late, and being late alone says nothing.
    if (!document.hidden && this.#isLost(performance.now())) this.lost = true;
    this.onChange();
  }

  async #run() {
    for (;;) {
      const asked = performance.now();
      const { answer, status, hurried } = await this.#ask();
      if (answer) this.#take(answer, asked);
      else if (!hurried) this.#miss(status);
      this.onChange();
      if (!hurried) await this.#pause(Math.max(100, PERIOD_MS - (performance.now() - asked)));
    }
  }

  // Without AbortSignal.timeout(), which is younger than some browsers on control-room walls.
  async #ask() {
    const controller = new AbortController();
    let hurried = false;
    let status = 0;
    const timer = setTimeout(() => controller.abort(), PATIENCE_MS);
    this.#hurry = () => {
      hurried = true;
      controller.abort();
    };
    try {
      const response = await fetch(this.url, { cache: "no-store", signal: controller.signal });
      status = response.status;
      if (response.ok) return { answer: await response.json() };
    } catch {
      // no answer, or none that can be read
    } finally {
      clearTimeout(timer);
      controller.abort(); // what is left of the answer
    }
    return { status, hurried };
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(answer, asked) {
    const wasLost = this.lost;
    this.state = answer;
    this.askedAt = asked;
    this.answeredAt = performance.now();
    this.lost = false;
    this.status = 0;
    if (wasLost) this.onGap();
  }

  #miss(status) {
    this.status = status;
    if (this.#isLost(performance.now())) this.lost = true;
  }
}

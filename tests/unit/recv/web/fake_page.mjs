// What the modules of the pages need of a browser: a clock that tests move, document and window with their events, and fetch().

const realSetImmediate = setImmediate;

class Target {
  #listeners = new Map();

  addEventListener(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  emit(type) {
    for (const listener of this.#listeners.get(type) ?? []) listener();
  }
}

// Lets promises settle.
export const settle = () => new Promise((resolve) => realSetImmediate(resolve));

// With redirect: "manual", a redirection has the status 0 and says nothing else. refusal: X-Refusal.
export class FakeResponse {
  constructor(status, value, refusal) {
    const isRedirected = status >= 300 && status < 400;
    this.type = isRedirected ? "opaqueredirect" : "basic";
    this.status = isRedirected ? 0 : status;
    this.ok = status === 200;
    this.headers = new Headers(refusal ? { "X-Refusal": refusal } : {});
    this.json = async () => value;
  }
}

export class FakePage {
  now = 0; // ms; performance.now()
  wall = 1_000_000_000_000; // ms; Date.now() when now is 0
  requests = []; // of fetch() since the start: {url, signal, respond(status, value, refusal), fail()}
  probes = []; // those without credentials
  document = Object.assign(new Target(), { hidden: false });
  window = new Target();
  #timers = [];

  // Installs itself until test t is over.
  constructor(t) {
    const fakes = {
      document: this.document,
      window: this.window,
      performance: { now: () => this.now },
      Date: { now: () => this.wall + this.now },
      setTimeout: (call, ms) => this.#add(call, ms, 0),
      setInterval: (call, ms) => this.#add(call, ms, ms),
      clearTimeout: (timer) => this.#remove(timer),
      fetch: (url, { signal, credentials }) => this.#fetch(url, signal, credentials),
    };
    for (const [name, value] of Object.entries(fakes)) {
      const before = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
    }
  }

  #add(call, ms, period) {
    const timer = { call, at: this.now + ms, period };
    this.#timers.push(timer);
    return timer;
  }

  #remove(timer) {
    this.#timers = this.#timers.filter((one) => one !== timer);
  }

  #fetch(url, signal, credentials) {
    return new Promise((resolve, reject) => {
      const respond = (status, value, refusal) => resolve(new FakeResponse(status, value, refusal));
      const fail = () => reject(new TypeError("failed"));
      signal.addEventListener("abort", fail);
      if (credentials === "omit") this.probes.push({ signal, respond, fail });
      else this.requests.push({ url, signal, respond, fail });
    });
  }

  // Moves the clock, and calls the timers that are due on the way.
  async advance(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.now = Math.max(this.now, next.at);
      if (next.period) next.at += next.period;
      else this.#remove(next);
      next.call();
      await settle();
    }
    this.now = end;
  }

  get request() {
    return this.requests[this.requests.length - 1];
  }
}

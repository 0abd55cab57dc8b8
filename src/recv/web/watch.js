// Asks the server for a state once a second, as long as the page lives, visible or not.

const PERIOD_MS = 1000;
const PATIENCE_MS = 4000; // for one answer
const LOST_AFTER_MS = 3000; // without one

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A time-out of its own: AbortSignal.timeout() is younger than some browsers on control-room walls.
async function ask(url) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), PATIENCE_MS);
  try {
    const response = await fetch(url, { cache: "no-store", signal: controller.signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.json();
  } finally {
    clearTimeout(timer);
  }
}

// onState(state) with each answer, onLost() repeatedly while there is none.
export async function watch(url, onState, onLost) {
  let heard = performance.now();
  for (;;) {
    const asked = performance.now();
    try {
      const state = await ask(url);
      heard = performance.now();
      onState(state);
    } catch {
      if (performance.now() - heard >= LOST_AFTER_MS) onLost();
    }
    await pause(Math.max(100, PERIOD_MS - (performance.now() - asked)));
  }
}

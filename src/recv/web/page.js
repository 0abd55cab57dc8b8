// One stream: its pictures, and whether they are true. The state comes from the server; what happens between the server
// and this browser is found out here, by comparing what is shown with what the server says is the newest.

import { readPictures } from "./mjpeg.js";
import { watch } from "./watch.js";
import { describe, span } from "./words.js";

const BEHIND_MS = 2000; // how long a picture that the server has may take to get here
const QUIET_MS = 3000; // the server sends at least the same picture again each second
const HOPELESS_MS = 6000; // then the connection is made anew
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const stream = document.body.dataset.stream;
const name = document.body.dataset.name;

let freshness = null; // the server's last word
let freshnessAt = 0;
let lost = false; // no contact with the server
let contactAt = performance.now();
let shown = null; // number of the frame on the screen
let partAt = 0; // the last part came
let watchedFrom = performance.now(); // since when this browser ought to get pictures
let connection = null; // AbortController of the stream of pictures
let connectedAt = 0;
let retry = () => {}; // ends the pause before the next connection
let crowded = false; // the server has too many viewers for one more
let pending = []; // {frame, at}: what the server had when asked, and isn't on the screen yet

// ---- the picture ----

const drawing = canvas.getContext("bitmaprenderer");

async function show(part) {
  partAt = performance.now();
  if (part.frame === shown) return;
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([part.bytes], { type: "image/jpeg" }));
  } catch {
    return; // a picture that can't be decoded is not shown, and will be missed by the comparison
  }
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.hidden = false;
  drawing.transferFromImageBitmap(bitmap);
  shown = part.frame;
  partAt = performance.now();
  const reached = pending.findLastIndex((wanted) => wanted.frame === shown);
  pending = reached >= 0 ? pending.slice(reached + 1) : pending.filter((wanted) => wanted.frame > shown);
  render();
}

function disconnect() {
  connection?.abort();
  connection = null;
}

// Keeps one connection while the page is visible.
async function keepConnected() {
  let failures = 0;
  for (;;) {
    if (document.hidden) {
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      continue;
    }
    connection = new AbortController();
    connectedAt = performance.now();
    try {
      await readPictures(`${stream}/stream`, connection.signal, (part) => {
        failures = 0;
        crowded = false;
        return show(part);
      });
    } catch (error) {
      // the state below says what is wrong; here it is only tried again
      crowded = error.status === 503;
    }
    connection = null;
    if (document.hidden) continue;
    const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)];
    await new Promise((resolve) => {
      retry = resolve;
      setTimeout(resolve, pause * (0.75 + Math.random() / 2));
    });
  }
}

document.addEventListener("visibilitychange", () => {
  pending = [];
  watchedFrom = performance.now();
  if (document.hidden) disconnect();
  render();
});
window.addEventListener("pagehide", disconnect);

// ---- its state ----

// True if the server has what this browser doesn't get.
function behind(now) {
  if (document.hidden || lost || !freshness || freshness.frame === null) return false;
  const quiet = now - Math.max(partAt, watchedFrom) > QUIET_MS;
  return quiet || (pending.length > 0 && now - pending[0].at > BEHIND_MS);
}

function currentState(now) {
  if (lost) return { state: "lost", words: "No contact with the server", age: `for ${span((now - contactAt) / 1000)}` };
  if (!freshness) return { state: "waiting", words: "Connecting", age: "" };
  const said = describe(freshness, (freshness.seconds ?? 0) + (now - freshnessAt) / 1000);
  if (!behind(now)) return said;
  const state = said.state === "stale" ? "stale" : "stalled";
  if (crowded) return { state, words: "Too many viewers — trying again", age: "" };
  return { state, words: "Connection to this browser stalled", age: partAt ? `for ${span((now - partAt) / 1000)}` : "" };
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // a live region speaks only when it changes
}

function render() {
  const now = performance.now();
  const { state, words, age } = currentState(now);
  const trouble = state !== "live" && state !== "waiting";
  document.body.dataset.state = state;
  setText(element("words"), words);
  setText(element("age"), age);
  setText(element("mark"), age ? `${words} · ${age}` : words);
  element("mark").hidden = !trouble || shown === null;
  element("empty").hidden = shown !== null;
  const waiting = freshness && freshness.frame !== null ? "Loading the picture" : "Waiting for the first picture";
  setText(element("empty"), trouble ? words : waiting);
  setText(element("details"), details());
  document.title = `${trouble ? "⚠ " : ""}${name} · ${words}`;
}

function details() {
  if (shown === null || !freshness?.captured_at) return "";
  const captured = new Date(freshness.captured_at).toLocaleTimeString();
  return `${canvas.width} × ${canvas.height} · taken at ${captured} by the sender's clock`;
}

// The server has this frame now: notes since when, unless it is on the screen already, or a newer one is.
function expect(frame, now) {
  const newest = pending.length ? pending[pending.length - 1].frame : shown;
  if (frame === shown || (newest !== null && frame < newest)) pending = [];
  if (frame !== null && frame !== newest && !(shown !== null && frame <= shown)) pending.push({ frame, at: now });
}

function onState(state) {
  const now = performance.now();
  freshness = state;
  freshnessAt = contactAt = now;
  if (lost) {
    lost = false;
    watchedFrom = now;
    pending = [];
    retry();
  }
  if (!document.hidden) expect(state.frame, now);
  if (connection && now - Math.max(partAt, connectedAt) > HOPELESS_MS && state.frame !== null) disconnect();
  render();
}

function onLost() {
  lost = true;
  render();
}

element("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else element("stage").requestFullscreen?.();
});
if (!document.fullscreenEnabled) element("fullscreen").hidden = true;

setInterval(render, 250);
keepConnected();
watch(`${stream}/freshness`, onState, onLost);

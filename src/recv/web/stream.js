// One stream: its pictures, and whether they are true. The state comes from the server; what happens between the server
// and this browser is found out here, by comparing what is shown with what the server says is the newest.

import { readPictures } from "./mjpeg_reader.js";
import { Contact } from "./freshness_poller.js";
import { describe, describeLost, span } from "./wording.js";

// With the second between two questions for the state, and the time until the next rendering, each stays below 3 s.
const LATE_MS = 1500; // how long a picture that the server has may take to get here
const QUIET_MS = 2500; // the server sends at least the same picture again each second
const HOPELESS_MS = 6000; // then the connection is made anew
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
const AWAITED_MAX = 100;
const DAY_S = 86400;

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const stream = document.body.dataset.stream;
const name = document.body.dataset.name;

let shown = null; // number of the frame on the screen
let proven = false; // it is not left over from before a gap
let undecodable = null; // number of a frame that this browser can't show
let awaited = []; // {frame, at}: what the server had when asked, and isn't on the screen yet
let lagMs = 0; // how long the last of them took that came; 0 when none is awaited
let heardAt = 0; // the last bytes of the stream of pictures came
let watchedFrom = performance.now(); // since when this browser ought to get pictures
let connection = null; // AbortController of the stream of pictures
let connectedAt = 0;
let crowded = false; // the server has too many viewers for one more
let eager = false; // the next connection is made without a pause
let retry = () => {}; // ends the wait before it

// ---- the picture ----

const drawing = canvas.getContext("bitmaprenderer");

async function draw(part, signal) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([part.bytes], { type: "image/jpeg" }));
  } catch {
    undecodable = part.frame;
    return false;
  }
  if (signal.aborted) {
    bitmap.close();
    return false;
  }
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  drawing.transferFromImageBitmap(bitmap);
  canvas.hidden = false;
  return true;
}

async function show(part, signal) {
  if (part.frame !== shown && !(await draw(part, signal))) return;
  shown = part.frame;
  proven = true;
  undecodable = null;
  const reached = awaited.findIndex(({ frame }) => frame === shown);
  const came = reached >= 0 ? awaited.slice(0, reached + 1) : awaited.filter(({ frame }) => frame < shown);
  if (came.length) lagMs = performance.now() - came[came.length - 1].at;
  setAwaited(awaited.filter((one) => !came.includes(one)));
  render();
}

function setAwaited(frames) {
  awaited = frames;
  if (!awaited.length) lagMs = 0;
}

function disconnect() {
  connection?.abort();
}

// Keeps one connection while the page is visible.
async function keepConnected() {
  let failures = 0;
  for (;;) {
    while (document.hidden) await new Promise((resolve) => (retry = resolve));
    const { signal } = (connection = new AbortController());
    connectedAt = performance.now();
    eager = false;
    const onPart = (part) => {
      failures = 0;
      return show(part, signal);
    };
    const onBytes = () => {
      heardAt = performance.now();
      crowded = false;
    };
    try {
      await readPictures(`${stream}/stream?raw=1`, signal, onPart, onBytes);
    } catch (error) {
      // the state below says what is wrong; here it is only tried again
      crowded = error.status === 503;
    }
    disconnect();
    connection = null;
    if (eager || document.hidden) continue;
    const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)];
    await new Promise((resolve) => {
      retry = resolve;
      setTimeout(resolve, pause * (0.75 + Math.random() / 2));
    });
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();
});
window.addEventListener("pagehide", disconnect);

// ---- its state ----

// What is wrong between the server and this browser: {words, age}, or null.
function findTrouble(now) {
  if (document.hidden || contact.state.frame === null) return null;
  if (crowded) return { words: "Too many viewers — trying again", age: "" };
  const heard = Math.max(heardAt, watchedFrom);
  if (now - heard > QUIET_MS) return { words: "Connection to this browser stalled", age: `for ${span((now - heard) / 1000)}` };
  const late = awaited.length ? Math.max(now - awaited[0].at, lagMs) : 0;
  if (late <= LATE_MS) return null;
  if (undecodable !== null) return { words: "This browser cannot decode the picture", age: "" };
  return { words: "Picture is late on its way to this browser", age: `${span(late / 1000)} behind` };
}

function currentState(now) {
  if (contact.lost) {
    return { state: "lost", words: describeLost(contact.status), age: `for ${span(contact.silentMs(now) / 1000)}` };
  }
  if (!contact.state) return { state: "waiting", words: "Connecting", age: "" };
  const said = describe(contact.state, pictureAge(now), shown !== null);
  const trouble = findTrouble(now);
  if (trouble && said.state === "live") return { state: "stalled", ...trouble };
  if (trouble) return { ...said, words: `${said.words} · ${trouble.words}` };
  if (!proven && !document.hidden && said.state === "live") return { state: "waiting", words: "Loading the picture", age: "" };
  return said;
}

// In seconds, of what the server has; what is on the way is not younger.
function pictureAge(now) {
  return (contact.state.seconds ?? 0) + (now - contact.askedAt) / 1000;
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
  setText(element("mark"), age ? `${words} ·\u00a0${age}` : words);
  element("mark").hidden = !trouble || shown === null;
  element("empty").hidden = shown !== null;
  const waiting = contact.state?.frame === null ? "Waiting for the first picture" : "Loading the picture";
  setText(element("empty"), trouble ? words : waiting);
  element("snapshot").hidden = contact.state?.frame === null; // there is none
  setText(element("details"), details(now));
  const title = `${trouble ? "⚠ " : ""}${name} · ${words}`;
  if (document.title !== title) document.title = title;
}

function details(now) {
  if (shown === null) return "";
  const size = `${canvas.width} × ${canvas.height}`;
  // The time that the server names belongs to its newest picture.
  if (!proven || awaited.length > 1 || !contact.state?.captured_at) return size;
  const captured = new Date(contact.state.captured_at);
  const when = pictureAge(now) < DAY_S / 2 ? captured.toLocaleTimeString() : captured.toLocaleString();
  return `${size} · taken at ${when} by the sender's clock`;
}

// The server has this frame now: notes since when, unless it is on the screen already, or a newer one is.
function expect(frame, now) {
  const newest = awaited.length ? awaited[awaited.length - 1].frame : shown;
  if (frame === shown || (newest !== null && frame < newest)) setAwaited([]);
  if (frame === null || frame === newest || (shown !== null && frame <= shown)) return;
  if (awaited.length === AWAITED_MAX) awaited.pop(); // since when the picture is late is what the first one says
  awaited.push({ frame, at: now });
}

let expectedAt = 0; // the answer of the server that was looked at last
let hadFrame = false;

function onChange() {
  const now = performance.now();
  if (contact.state && contact.askedAt !== expectedAt) {
    expectedAt = contact.askedAt;
    const { frame } = contact.state;
    if (frame !== null && !hadFrame) watchedFrom = now; // before, there was nothing to be sent
    hadFrame = frame !== null;
    if (frame === shown) proven = true;
    if (!document.hidden) expect(frame, now);
    if (frame !== null && connection && now - Math.max(heardAt, connectedAt) > HOPELESS_MS) disconnect();
  }
  render();
}

function onGap() {
  setAwaited([]);
  proven = false;
  watchedFrom = performance.now();
  eager = true;
  disconnect();
  retry();
  render();
}

element("fullscreen").addEventListener("click", () => {
  const change = document.fullscreenElement ? document.exitFullscreen() : element("stage").requestFullscreen();
  change.catch(() => {}); // the browser's refusal is plain to see
});
if (!document.fullscreenEnabled) element("fullscreen").hidden = true;

const contact = new Contact(`${stream}/freshness`, onChange, onGap);
keepConnected();

// The page of one stream: shows its pictures, and says whether they are live. The age of the server's newest picture comes with the
// freshness; what is wrong between the server and this browser is found out here (delivery.js).

import { Delivery } from "./delivery.js";
import { FreshnessPoller } from "./freshness_poller.js";
import { readPictures } from "./mjpeg_reader.js";
import { siteUrl } from "./site_url.js";
import { describeRefusal, describeStream, formatDuration } from "./wording.js";

const RECONNECT_MS = 6000; // without bytes
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];
const DAY_S = 86400;

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const context = canvas.getContext("bitmaprenderer");
const stream = document.body.dataset.stream;
const name = document.body.dataset.name;
const delivery = new Delivery(performance.now());

// ---- the pictures ----

let drawn = null; // the picture on the canvas: its number and time of capture
let connection = null; // AbortController of the MJPEG stream; null: there is none
let connectedAt = 0;
let skipBackoff = false; // the next connection is made at once
let endWait = () => {}; // ends the wait before the next connection

async function draw(part, signal) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([part.bytes], { type: "image/jpeg" }));
  } catch {
    delivery.undecodable = part.frame;
    return false;
  }
  if (signal.aborted) {
    bitmap.close();
    return false;
  }
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  context.transferFromImageBitmap(bitmap);
  canvas.hidden = false;
  return true;
}

async function showPart(part, signal) {
  // a sender whose clock was set back uses numbers again
  const picture = `${part.frame} of ${part.capturedAt}`;
  if (picture !== drawn && !(await draw(part, signal))) return;
  drawn = picture;
  delivery.show(part.frame, performance.now());
  render();
}

function disconnect() {
  connection?.abort();
}

// Keeps one connection while the page is visible.
async function keepConnected() {
  let failures = 0;
  for (;;) {
    while (document.hidden) await new Promise((resolve) => (endWait = resolve));
    const { signal } = (connection = new AbortController());
    connectedAt = performance.now();
    skipBackoff = false;
    const onPart = (part) => {
      failures = 0;
      return showPart(part, signal);
    };
    try {
      await readPictures(siteUrl(`${stream}/stream?raw=1&repeat=0`), signal, onPart, () => delivery.receive(performance.now()));
    } catch (error) {
      delivery.refusal = error.status ? describeRefusal(error) : null; // other errors show by what does not arrive
    }
    disconnect();
    connection = null;
    if (skipBackoff || document.hidden) continue;
    const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)];
    await new Promise((resolve) => {
      endWait = resolve;
      setTimeout(resolve, pause * (0.75 + Math.random() / 2));
    });
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();
});
window.addEventListener("pagehide", disconnect);

// ---- the state ----

// In seconds: the age of the server's newest picture. The one on the screen is not younger.
function pictureAge(now) {
  return (poller.freshness.seconds ?? 0) + (now - poller.trueAt) / 1000;
}

function currentState(now) {
  if (poller.lost) {
    return { state: "lost", words: describeRefusal(poller.failure), age: `for ${formatDuration(poller.silentMs(now) / 1000)}` };
  }
  if (!poller.freshness) return { state: "waiting", words: "Connecting", age: "" };
  const server = describeStream(poller.freshness, pictureAge(now), delivery.shown !== null);
  const trouble = document.hidden || poller.freshness.frame === null ? null : delivery.trouble(now);
  const isLive = poller.freshness.state === "live";
  if (trouble && isLive) return { ...server, state: "stalled", ...trouble };
  if (trouble) return { ...server, words: `${server.words} · ${trouble.words}` };
  if (!delivery.confirmed && !document.hidden && isLive) {
    return { state: "waiting", words: "Loading the picture", age: "" };
  }
  return server;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // a live region is read aloud at each change
}

function render() {
  const now = performance.now();
  const { state, words, age, cause = "" } = currentState(now);
  const isLive = state === "live" || state === "troubled";
  const isTrouble = !isLive && state !== "waiting";
  const isEmpty = delivery.shown === null;
  const serverIsEmpty = poller.freshness?.frame === null;
  document.body.dataset.state = state;
  setText(element("words"), words);
  setText(element("age"), age);
  setText(element("cause"), cause);
  setText(element("mark"), [words, age, cause].filter((text) => text).join(" ·\u00a0"));
  // A live picture is not covered, unless the whole screen shows nothing else.
  element("mark").hidden = isEmpty || !(isTrouble || (state === "troubled" && document.fullscreenElement));
  element("empty").hidden = !isEmpty;
  const waiting = serverIsEmpty ? "Waiting for the first picture" : "Loading the picture";
  setText(element("empty"), isTrouble ? words : waiting);
  element("snapshot").hidden = serverIsEmpty;
  setText(element("details"), details(now));
  const title = `${isTrouble || cause ? "⚠ " : ""}${[name, words, cause].filter((text) => text).join(" · ")}`;
  if (document.title !== title) document.title = title;
}

function details(now) {
  if (delivery.shown === null) return "";
  const size = `${canvas.width} × ${canvas.height}`;
  // captured_at is of the server's newest picture: say it only if that is the one on the screen, or the next.
  if (!delivery.confirmed || delivery.awaited.length > 1 || !poller.freshness?.captured_at) return size;
  const captured = new Date(poller.freshness.captured_at);
  const when = pictureAge(now) < DAY_S / 2 ? captured.toLocaleTimeString() : captured.toLocaleString();
  return `${size} · taken at ${when} by the sender's clock`;
}

let announcedAt = 0; // trueAt of the response that was looked at last

function onChange() {
  const now = performance.now();
  if (poller.freshness && poller.trueAt !== announcedAt) {
    announcedAt = poller.trueAt;
    const { frame } = poller.freshness;
    delivery.announce(frame, now, !document.hidden);
    if (frame !== null && connection && delivery.quietMs(now, connectedAt) > RECONNECT_MS) disconnect();
  }
  render();
}

function onGap() {
  delivery.restart(performance.now());
  skipBackoff = true;
  disconnect();
  endWait();
  render();
}

element("fullscreen").addEventListener("click", () => {
  const change = document.fullscreenElement ? document.exitFullscreen() : element("stage").requestFullscreen();
  change.catch(() => {}); // a refusal is plain to see
});
if (!document.fullscreenEnabled) element("fullscreen").hidden = true;

const poller = new FreshnessPoller(siteUrl(`${stream}/freshness`), onChange, onGap);
keepConnected();

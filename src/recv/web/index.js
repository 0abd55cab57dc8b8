// All streams: what each one's state is, in colour and in words.

import { watch } from "./watch.js";
import { describe, span } from "./words.js";

const tiles = [...document.querySelectorAll(".tile")];
const summary = document.getElementById("summary");

let streams = null;
let askedAt = 0;
let lost = false;
let contactAt = performance.now();

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fill(tile, { state, words, age }) {
  tile.dataset.state = state;
  setText(tile.querySelector(".words"), words);
  setText(tile.querySelector(".age"), age);
}

function summarise() {
  if (lost) return { state: "lost", words: "No contact with the server" };
  if (!streams) return { state: "waiting", words: "Connecting" };
  const states = Object.values(streams).map((freshness) => freshness.state);
  const live = states.filter((state) => state === "live").length;
  const worst = states.includes("stale") ? "stale" : states.includes("stalled") ? "stalled" : "live";
  return { state: worst, words: live === states.length ? "All live" : `${live} of ${states.length} live` };
}

function render() {
  const now = performance.now();
  for (const tile of tiles) {
    const freshness = streams?.[tile.dataset.stream];
    if (lost) fill(tile, { state: "lost", words: "Unknown", age: `no contact for ${span((now - contactAt) / 1000)}` });
    else if (freshness) fill(tile, describe(freshness, (freshness.seconds ?? 0) + (now - askedAt) / 1000));
  }
  const { state, words } = summarise();
  summary.dataset.state = state;
  setText(document.getElementById("words"), words);
}

function onState(answer) {
  streams = answer.streams;
  askedAt = contactAt = performance.now();
  lost = false;
  render();
}

function onLost() {
  lost = true;
  render();
}

setInterval(render, 250);
watch("freshness", onState, onLost);

// All streams: what each one's state is, in colour and in words.

import { Contact } from "./freshness_poller.js";
import { describe, describeLost, span } from "./wording.js";

const tiles = [...document.querySelectorAll(".tile")];
const summary = document.getElementById("summary");

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fill(tile, { state, words, age }) {
  tile.dataset.state = state;
  setText(tile.querySelector(".words"), words);
  setText(tile.querySelector(".age"), age);
}

function summarise() {
  if (contact.lost) return { state: "lost", words: describeLost(contact.status) };
  if (!contact.state) return { state: "waiting", words: "Connecting" };
  const states = Object.values(contact.state.streams).map((freshness) => freshness.state);
  const live = states.filter((state) => state === "live").length;
  const worst = states.includes("stale") ? "stale" : states.includes("stalled") ? "stalled" : "live";
  return { state: worst, words: live === states.length ? "All live" : `${live} of ${states.length} live` };
}

function describeTile(freshness, now) {
  if (contact.lost) return { state: "lost", words: "Unknown", age: `no contact for ${span(contact.silentMs(now) / 1000)}` };
  if (!contact.state) return { state: "waiting", words: "Connecting", age: "" };
  if (!freshness) return { state: "lost", words: "This is no longer here", age: "" };
  return describe(freshness, (freshness.seconds ?? 0) + (now - contact.askedAt) / 1000);
}

function render() {
  const now = performance.now();
  for (const tile of tiles) fill(tile, describeTile(contact.state?.streams[tile.dataset.stream], now));
  const { state, words } = summarise();
  summary.dataset.state = state;
  setText(document.getElementById("words"), words);
}

const contact = new Contact("freshness", render, () => {});

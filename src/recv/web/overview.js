// The page of all streams: each one's state, in colour and in words.

import { FreshnessPoller } from "./freshness_poller.js";
import { siteUrl } from "./site_url.js";
import { describeAll, describeRefusal, describeStream, formatDuration } from "./wording.js";

const tiles = [...document.querySelectorAll(".tile")];
const summary = document.getElementById("summary");

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function describeSite() {
  if (poller.lost) return { state: "lost", words: describeRefusal(poller.failure) };
  if (!poller.freshness) return { state: "waiting", words: "Connecting" };
  return describeAll(Object.values(poller.freshness.streams));
}

function describeTile(freshness, now) {
  if (poller.lost) return { state: "lost", words: "Unknown", age: `no answer for ${formatDuration(poller.silentMs(now) / 1000)}` };
  if (!poller.freshness) return { state: "waiting", words: "Connecting", age: "" };
  if (!freshness) return { state: "lost", words: "This is no longer here", age: "" };
  return describeStream(freshness, (freshness.seconds ?? 0) + (now - poller.trueAt) / 1000);
}

function renderTile(tile, { state, words, age, cause = "" }) {
  tile.dataset.state = state;
  setText(tile.querySelector(".words"), words);
  setText(tile.querySelector(".age"), age);
  setText(tile.querySelector(".cause"), cause);
}

function render() {
  const now = performance.now();
  for (const tile of tiles) renderTile(tile, describeTile(poller.freshness?.streams[tile.dataset.stream], now));
  const { state, words } = describeSite();
  summary.dataset.state = state;
  setText(document.getElementById("words"), words);
}

const poller = new FreshnessPoller(siteUrl("freshness"), render, () => {});

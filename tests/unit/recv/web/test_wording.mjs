import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { describeAll, describeRefusal, describeStream, formatDuration } from "../../../../src/recv/web/wording.js";

test("a duration has one unit, and rounds down from 10 s on", () => {
  const cases = [
    [0, "0.0 s"], [0.44, "0.4 s"], [9.9, "9.9 s"], [10, "10 s"], [119.9, "119 s"], [120, "2 min"], [7199, "119 min"], [7200, "2 h"],
    [172799, "47 h"], [172800, "2 days"], [8640000, "100 days"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text.replace(" ", "\u00a0"), seconds);
});

test("a live stream has the age of its picture", () => {
  const freshness = { state: "live", reason: null, frame: 7 };
  assert.deepEqual(describeStream(freshness, 0.84), { state: "live", words: "Live", age: "0.8\u00a0s", cause: "" });
});

test("a live stream in trouble has its cause at once", () => {
  const freshness = { state: "live", reason: "sender silent: nothing arrives at its port", frame: 7 };
  assert.deepEqual(describeStream(freshness, 9),
    { state: "troubled", words: "Live", age: "9.0\u00a0s", cause: "sender silent: nothing arrives at its port" });
});

test("a stream that is not live has the reason and the age", () => {
  const freshness = { state: "stalled", reason: "sender delayed", frame: 7 };
  assert.deepEqual(describeStream(freshness, 45),
    { state: "stalled", words: "Stalled — sender delayed", age: "picture 45\u00a0s old", cause: "" });
  assert.equal(describeStream({ ...freshness, state: "stale", reason: null }, 45).words, "Stale");
});

test("without a picture there is no age", () => {
  const freshness = { state: "stale", reason: "no picture yet", frame: null };
  assert.deepEqual(describeStream(freshness, 5), { state: "stale", words: "No picture yet", age: "", cause: "" });
  assert.equal(describeStream({ ...freshness, reason: "sender delayed" }, 5).words, "No picture yet — sender delayed");
  assert.equal(describeStream(freshness, 5, true).words, "No picture since the server started");
});

test("of all streams the worst state counts", () => {
  const streams = (...states) => states.map((state) => ({ state, reason: null }));
  assert.deepEqual(describeAll(streams("live", "live")), { state: "live", words: "All live" });
  assert.deepEqual(describeAll(streams("live", "stalled", "live")), { state: "stalled", words: "2 of 3 live" });
  assert.deepEqual(describeAll(streams("stalled", "stale", "live")), { state: "stale", words: "1 of 3 live" });
  const troubled = { state: "live", reason: "source connecting" };
  assert.deepEqual(describeAll([troubled, ...streams("live")]), { state: "troubled", words: "All live · 1 in trouble" });
  assert.deepEqual(describeAll([troubled, ...streams("stale")]), { state: "stale", words: "1 of 2 live · 1 in trouble" });
});

const refusals = [
  [0, "", "No contact with the server"],
  [503, "too many viewers", "Too many viewers — trying again"],
  [401, "", "Log-in needed — reload this page"],
  [302, "", "Log-in needed — reload this page"],
  [403, "", "Not allowed to see this"],
  [404, "", "This is no longer here"],
  [502, "", "The proxy has no contact with the server (502)"],
  [504, "", "The proxy has no contact with the server (504)"],
  [503, "", "The proxy refuses for now (503)"],
  [429, "", "The proxy refuses for now (429)"],
  [200, "", "Something else answers at this address"],
  [400, "", "The server or its proxy refuses (400)"],
  [500, "", "The server or its proxy has failed (500)"],
];

test("each refusal is said as what it is", () => {
  assert.equal(describeRefusal({ status: 401, refusal: "", isGuess: true }), "No answer; a log-in may be needed — reload this page");
  for (const [status, refusal, words] of refusals) assert.equal(describeRefusal({ status, refusal }), words);
});

test("docs/troubleshooting.md explains what the pages say of the way to the browser", () => {
  const text = readFileSync(new URL("../../../../docs/troubleshooting.md", import.meta.url), "utf8");
  const source = ["delivery.js", "stream.js"].map((name) => readFileSync(new URL(`../../../../src/recv/web/${name}`, import.meta.url), "utf8"));
  const said = [...source.join("").matchAll(/words: "([^"]+)"/g)].map((match) => match[1]);
  assert.ok(said.length >= 4);
  const guess = describeRefusal({ status: 401, refusal: "", isGuess: true });
  for (const words of [...said, guess, ...refusals.map((row) => row[2])]) {
    const plain = words.replace(/ \(\d+\)$/, "");
    assert.ok(text.includes(`\`${plain}`), `docs/troubleshooting.md has no row for “${plain}”`);
  }
});

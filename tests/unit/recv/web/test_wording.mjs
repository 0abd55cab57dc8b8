import assert from "node:assert/strict";
import test from "node:test";

import { describeAll, describeLost, describeStream, formatDuration } from "../../../../src/recv/web/wording.js";

test("a duration has one unit, and rounds down from 10 s on", () => {
  const cases = [
    [0, "0.0 s"], [0.44, "0.4 s"], [9.9, "9.9 s"], [10, "10 s"], [119.9, "119 s"], [120, "2 min"], [7199, "119 min"], [7200, "2 h"],
    [172799, "47 h"], [172800, "2 days"], [8640000, "100 days"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text.replace(" ", "\u00a0"), seconds);
});

test("a live stream has the age of its picture", () => {
  const freshness = { state: "live", reason: null, frame: 7 };
  assert.deepEqual(describeStream(freshness, 0.84), { state: "live", words: "Live", age: "0.8\u00a0s" });
});

test("a stream that is not live has the reason and the age", () => {
  const freshness = { state: "stalled", reason: "sender silent", frame: 7 };
  assert.deepEqual(describeStream(freshness, 45), { state: "stalled", words: "Stalled — sender silent", age: "picture 45\u00a0s old" });
  assert.equal(describeStream({ ...freshness, state: "stale", reason: null }, 45).words, "Stale");
});

test("without a picture there is no age", () => {
  const freshness = { state: "stale", reason: "no picture yet", frame: null };
  assert.deepEqual(describeStream(freshness, 5), { state: "stale", words: "No picture yet", age: "" });
  assert.equal(describeStream({ ...freshness, reason: "sender silent" }, 5).words, "No picture yet — sender silent");
  assert.equal(describeStream(freshness, 5, true).words, "No picture since the server started");
});

test("of all streams the worst state counts", () => {
  assert.deepEqual(describeAll(["live", "live"]), { state: "live", words: "All live" });
  assert.deepEqual(describeAll(["live", "stalled", "live"]), { state: "stalled", words: "2 of 3 live" });
  assert.deepEqual(describeAll(["stalled", "stale", "live"]), { state: "stale", words: "1 of 3 live" });
});

test("a refusal is not called a lost contact", () => {
  assert.equal(describeLost(0), "No contact with the server");
  assert.equal(describeLost(502), "No contact with the server");
  assert.equal(describeLost(401), "Not allowed to see this any more");
  assert.equal(describeLost(403), "Not allowed to see this any more");
  assert.equal(describeLost(404), "This is no longer here");
});

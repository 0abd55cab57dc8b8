import assert from "node:assert/strict";
import test from "node:test";

import { FreshnessPoller } from "../../../../src/recv/web/freshness_poller.js";
import { FakePage } from "./fake_page.mjs";

// A poller on a page whose clock is at 0, with its first request sent; counts what it calls.
async function start(t) {
  const page = new FakePage(t);
  const calls = { changes: 0, gaps: 0 };
  const poller = new FreshnessPoller("cam/freshness", () => calls.changes++, () => calls.gaps++);
  await page.advance(0);
  return { page, poller, calls };
}

async function respond(page, value, status = 200, refusal = undefined) {
  page.request.respond(status, value, refusal);
  await page.advance(0);
}

test("asks once a second", async (t) => {
  const { page, poller, calls } = await start(t);
  assert.equal(page.request.url, "cam/freshness");
  for (let i = 1; i <= 5; i++) {
    assert.equal(page.requests.length, i);
    await page.advance(100);
    await respond(page, { frame: i });
    assert.deepEqual(poller.freshness, { frame: i });
    assert.equal(poller.trueAt, page.now - 100 - 250, "the server answers all who ask within 250 ms alike");
    assert.equal(poller.answeredAt, page.now);
    await page.advance(900);
  }
  assert.ok(calls.changes >= 20, "rendered several times a second");
  assert.equal(calls.gaps, 0);
});

test("one request at a time, with a pause after a slow one", async (t) => {
  const { page } = await start(t);
  await page.advance(2000);
  assert.equal(page.requests.length, 1);
  await respond(page, {});
  assert.equal(page.requests.length, 1);
  await page.advance(99);
  assert.equal(page.requests.length, 1);
  await page.advance(1);
  assert.equal(page.requests.length, 2);
});

test("a server that hangs is lost after 2.5 s, asked again after 4 s, and found again", async (t) => {
  const { page, poller, calls } = await start(t);
  await respond(page, { frame: 1 });
  await page.advance(1000);
  await page.advance(1400);
  assert.ok(!poller.lost);
  await page.advance(200);
  assert.ok(poller.lost);
  assert.equal(poller.failure.status, 0);
  assert.equal(poller.silentMs(page.now), 2600);
  assert.deepEqual(poller.freshness, { frame: 1 }, "the last response is kept");
  const hung = page.request;
  await page.advance(2500);
  assert.ok(hung.signal.aborted);
  assert.equal(page.requests.length, 3);
  assert.equal(calls.gaps, 0);
  await respond(page, { frame: 2 });
  assert.ok(!poller.lost);
  assert.equal(calls.gaps, 1, "what the page shows may be old");
});

test("an error of HTTP is not an answer", async (t) => {
  const { page, poller } = await start(t);
  for (let i = 0; i < 4; i++) {
    await respond(page, null, 403);
    await page.advance(1000);
  }
  assert.ok(poller.lost);
  assert.deepEqual(poller.failure, { status: 403, refusal: "" });
  assert.equal(poller.freshness, null);
  await respond(page, { frame: 1 });
  assert.ok(!poller.lost);
  assert.equal(poller.failure.status, 0);
});

test("a log-in is asked for seldom: each request opens the browser's dialog", async (t) => {
  const { page, poller } = await start(t);
  await respond(page, null, 401);
  await page.advance(2500);
  assert.ok(poller.lost);
  assert.equal(poller.failure.status, 401);
  await page.advance(2400);
  assert.equal(page.requests.length, 1);
  await page.advance(100);
  assert.equal(page.requests.length, 2);
});

test("a request that waits for the browser's dialog is not called a lost contact, and has time", async (t) => {
  const { page, poller } = await start(t);
  await page.advance(1500);
  assert.equal(page.probes.length, 1);
  page.probes[0].respond(401);
  await page.advance(1000);
  assert.ok(poller.lost);
  assert.deepEqual(poller.failure, { status: 401, refusal: "", isGuess: true });
  await page.advance(18_900);
  assert.ok(!page.request.signal.aborted, "somebody types the password");
  await respond(page, { frame: 1 });
  assert.ok(!poller.lost);
  assert.equal(poller.failure.status, 0);
  await page.advance(1000);
  assert.equal(page.requests.length, 2);
});

test("a server that hangs behind a proxy that wants no log-in is a lost contact", async (t) => {
  const { page, poller } = await start(t);
  await page.advance(1500);
  page.probes[0].fail();
  await page.advance(1000);
  assert.ok(poller.lost);
  assert.equal(poller.failure.status, 0);
  const hung = page.request;
  await page.advance(1500);
  assert.ok(hung.signal.aborted);
});

test("the dialog is given up after 20 s", async (t) => {
  const { page } = await start(t);
  await page.advance(1500);
  page.probes[0].respond(401);
  const waiting = page.request;
  await page.advance(19_900);
  assert.ok(!waiting.signal.aborted);
  await page.advance(100);
  assert.ok(waiting.signal.aborted);
});

test("a refusal of ours, a proxy's error and a redirection are told apart, and from no answer", async (t) => {
  const { page, poller } = await start(t);
  const failures = [];
  for (const [status, refusal] of [[503, "too many viewers"], [503], [302], [502]]) {
    await respond(page, null, status, refusal);
    failures.push(poller.failure);
    await page.advance(1000);
  }
  page.request.fail();
  await page.advance(0);
  assert.ok(poller.lost);
  const expected = [[503, "too many viewers"], [503, ""], [302, ""], [502, ""], [0, ""]];
  assert.deepEqual([...failures, poller.failure], expected.map(([status, refusal]) => ({ status, refusal })));
});

test("a response that is no JSON is a failure", async (t) => {
  const { page, poller } = await start(t);
  for (let i = 0; i < 4; i++) {
    page.request.respond(200, Promise.reject(new SyntaxError("no JSON")));
    await page.advance(1000);
  }
  assert.ok(poller.lost);
  assert.equal(poller.failure.status, 200, "something else answers");
});

test("a refused connection is tried again each second", async (t) => {
  const { page, poller } = await start(t);
  for (let i = 1; i <= 4; i++) {
    assert.equal(page.requests.length, i);
    page.request.fail();
    await page.advance(1000);
  }
  assert.ok(poller.lost);
});

test("a page that is looked at again asks at once", async (t) => {
  const { page, poller, calls } = await start(t);
  await respond(page, { frame: 1 });
  page.document.hidden = true;
  page.document.emit("visibilitychange");
  assert.equal(page.requests.length, 1);
  await page.advance(500);
  page.document.hidden = false;
  page.document.emit("visibilitychange");
  await page.advance(0);
  assert.equal(page.requests.length, 2);
  assert.equal(calls.gaps, 1);
  assert.deepEqual(poller.freshness, { frame: 1 }, "still young enough");
});

test("a request on its way is replaced, and does not count as failed", async (t) => {
  const { page, poller } = await start(t);
  await respond(page, null, 403);
  await page.advance(3000);
  assert.ok(poller.lost);
  const before = page.request;
  page.window.emit("online");
  await page.advance(0);
  assert.ok(before.signal.aborted);
  assert.equal(page.requests.length, 3);
  assert.equal(poller.failure.status, 403);
});

test("a hidden page is not lost when its timers are late, nor for 2.5 s afterwards", async (t) => {
  const { page, poller } = await start(t);
  await respond(page, { frame: 1 });
  page.document.hidden = true;
  page.document.emit("visibilitychange");
  page.now += 60_000; // throttled: no timer ran
  await page.advance(0);
  assert.ok(!poller.lost);
  page.document.hidden = false;
  page.document.emit("visibilitychange");
  assert.equal(poller.freshness, null, "the old response no longer counts");
  await page.advance(2400);
  assert.ok(!poller.lost);
  await page.advance(200);
  assert.ok(poller.lost);
});

test("a jump of the time of day is sleep: it asks again, and drops the old response", async (t) => {
  const { page, poller, calls } = await start(t);
  await respond(page, { frame: 1 });
  await page.advance(250);
  page.wall += 3_600_000;
  await page.advance(250);
  assert.equal(poller.freshness, null);
  assert.equal(calls.gaps, 1);
  assert.equal(page.requests.length, 2);
  await respond(page, { frame: 2 });
  page.wall -= 7_200_000; // set back: no sleep does that
  await page.advance(250);
  assert.deepEqual(poller.freshness, { frame: 2 });
  assert.equal(calls.gaps, 1);
});

test("a tick that is 6 s late is sleep", async (t) => {
  const { page, calls } = await start(t);
  await respond(page, { frame: 1 });
  page.now += 6000;
  await page.advance(0);
  assert.equal(calls.gaps, 1);
});

import assert from "node:assert/strict";
import test from "node:test";

import { Delivery } from "../../../../src/recv/web/delivery.js";

const words = (delivery, now) => delivery.trouble(now)?.words ?? null;

// A page that shows frame 10, which the server announced, since 1000 ms.
function showing() {
  const delivery = new Delivery(0);
  delivery.announce(10, 900, true);
  delivery.receive(1000);
  delivery.show(10, 1000);
  return delivery;
}

test("nothing is wrong while frames arrive in time", () => {
  const delivery = showing();
  for (let second = 1; second < 10; second++) {
    const now = 1000 * second;
    delivery.announce(10 + second, now, true);
    delivery.receive(now + 900);
    assert.equal(delivery.trouble(now + 900), null);
    delivery.show(10 + second, now + 900);
    assert.deepEqual(delivery.awaited, []);
  }
});

test("no bytes for 2.5 s: the connection stalled", () => {
  const delivery = showing();
  assert.equal(delivery.trouble(3500), null);
  assert.deepEqual(delivery.trouble(4000), { words: "Connection to this browser stalled", age: "for 3.0\u00a0s" });
  delivery.receive(4000);
  assert.equal(delivery.trouble(4000), null);
});

test("the connection is not blamed before there is a picture to send", () => {
  const delivery = new Delivery(0);
  delivery.announce(null, 1000, true);
  delivery.announce(5, 60_000, true);
  assert.equal(delivery.quietMs(60_000), 0);
  assert.equal(words(delivery, 61_000), null);
  assert.match(words(delivery, 63_000), /stalled/);
});

test("a frame that takes over 1.5 s is late", () => {
  const delivery = showing();
  delivery.announce(11, 2000, true);
  delivery.receive(3600);
  assert.equal(delivery.trouble(3500), null);
  assert.deepEqual(delivery.trouble(3600), { words: "Picture is late on its way to this browser", age: "1.6\u00a0s behind" });
  delivery.show(11, 3700);
  delivery.announce(12, 3800, true);
  assert.equal(delivery.trouble(3800), null, "the next one is not late yet");
});

test("a stream that is behind stays late, though its pictures move", () => {
  const delivery = showing();
  for (let frame = 11; frame < 20; frame++) delivery.announce(frame, 1000 * (frame - 10), true);
  delivery.receive(9000);
  delivery.show(14, 9000); // announced at 4000
  assert.deepEqual(delivery.awaited.map((one) => one.frame), [15, 16, 17, 18, 19]);
  delivery.receive(9100);
  delivery.show(15, 9100);
  assert.deepEqual(delivery.trouble(9100), { words: "Picture is late on its way to this browser", age: "4.1\u00a0s behind" });
  delivery.show(19, 9200);
  assert.equal(delivery.trouble(9200), null);
});

test("a frame between two that were announced counts as the older one's arrival", () => {
  const delivery = showing();
  delivery.announce(12, 2000, true);
  delivery.announce(16, 3000, true);
  delivery.receive(3200);
  delivery.show(14, 3200);
  assert.deepEqual(delivery.awaited, [{ frame: 16, since: 3000 }]);
});

test("a frame is announced once, and not if it is on the screen", () => {
  const delivery = showing();
  delivery.announce(10, 2000, true);
  delivery.announce(11, 3000, true);
  delivery.announce(11, 4000, true);
  assert.deepEqual(delivery.awaited, [{ frame: 11, since: 3000 }]);
  delivery.show(12, 4100); // newer than what the server said
  delivery.announce(11, 4200, true);
  assert.deepEqual(delivery.awaited, []);
});

test("a server with older frames is a new one: nothing is awaited from the one before", () => {
  const delivery = showing();
  delivery.announce(11, 2000, true);
  delivery.announce(3, 3000, true);
  assert.deepEqual(delivery.awaited, []);
});

test("a hidden page awaits nothing", () => {
  const delivery = showing();
  delivery.announce(11, 2000, false);
  assert.deepEqual(delivery.awaited, []);
});

test("the list of awaited frames is bounded, and keeps the oldest", () => {
  const delivery = showing();
  for (let frame = 11; frame < 1000; frame++) delivery.announce(frame, frame, true);
  assert.equal(delivery.awaited.length, 100);
  assert.equal(delivery.awaited[0].frame, 11);
  assert.equal(delivery.awaited[99].frame, 999);
});

test("after a gap the picture is not confirmed until it arrives again, or the server still has it", () => {
  const delivery = showing();
  delivery.announce(11, 2000, true);
  assert.ok(delivery.confirmed);
  delivery.restart(60_000);
  assert.ok(!delivery.confirmed);
  assert.deepEqual(delivery.awaited, []);
  assert.equal(delivery.trouble(62_000), null);
  delivery.announce(11, 61_000, true);
  assert.ok(!delivery.confirmed);
  delivery.announce(10, 61_500, true);
  assert.ok(delivery.confirmed);
  delivery.restart(70_000);
  delivery.show(12, 70_500);
  assert.ok(delivery.confirmed);
});

test("a picture that can't be decoded is named once it is late", () => {
  const delivery = showing();
  delivery.announce(11, 2000, true);
  delivery.receive(3000);
  delivery.undecodable = 11;
  assert.equal(delivery.trouble(3000), null);
  delivery.receive(3900);
  assert.equal(words(delivery, 3900), "This browser cannot decode the picture");
  delivery.show(12, 4000);
  assert.equal(delivery.trouble(4000), null);
  delivery.announce(13, 4000, true);
  delivery.receive(6000);
  assert.match(words(delivery, 6000), /^Picture is late/);
});

test("too many viewers, until bytes arrive", () => {
  const delivery = showing();
  delivery.refusal = "Too many viewers — trying again";
  assert.match(words(delivery, 9000), /^Too many viewers/);
  delivery.receive(9000);
  assert.equal(delivery.trouble(9000), null);
});

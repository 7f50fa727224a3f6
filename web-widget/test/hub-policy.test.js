/** Close codes, backoff and token lifetimes: pure functions. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closeOfRefusal, eventParser } from "../src/hub-sse.js";
import { backoffSeconds, isFinal, renewAfterSeconds, retryAfterSeconds } from "../src/hub-policy.js";

/** @param {object} claims */
const jwt = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;
const NOW = 1_800_000_000_000;

test("close codes say by range what to do", () => {
  for (const code of [4500, 4501, 4503, 4504, 4506, 4999]) assert.equal(isFinal(code), true, `${code}`);
  const passing = [
    1000, 1001, 1005, 1006, 1008, 1011, 1012, 1013, 4000, 4001, 4002, 4003, 4004, 4005, 4006, 4100, 4499,
  ];
  for (const code of passing) assert.equal(isFinal(code), false, `${code}`);
});

test("a reason may say how long to wait, and nothing else in it does", () => {
  assert.equal(retryAfterSeconds('{"retry_after_seconds": 2.5}'), 2.5);
  for (const reason of ["", "draining", "{", '{"retry_after_seconds": "soon"}', '{"retry_after_seconds": -1}', "[1]"]) {
    assert.equal(retryAfterSeconds(reason), null, reason);
  }
});

test("backoff is full jitter under a ceiling that doubles up to 30 s", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 5000].map((attempt) => backoffSeconds(attempt, () => 1));
  assert.deepEqual(ceilings, [0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
  assert.equal(
    backoffSeconds(9, () => 0),
    0,
  );
});

test("a token is renewed in its last minute, or its last quarter when it is short", () => {
  const issued = NOW / 1000;
  assert.equal(renewAfterSeconds(jwt({ iat: issued, exp: issued + 3600 }), NOW), 3540);
  assert.equal(renewAfterSeconds(jwt({ iat: issued, exp: issued + 40 }), NOW), 30);
  assert.equal(renewAfterSeconds(jwt({ exp: issued + 3600 }), NOW), 3540);
  assert.equal(renewAfterSeconds("opaque", NOW), null);
  assert.equal(renewAfterSeconds(jwt({ exp: 4e9 }), NOW), 86_400, "within what a timer can hold");
});

test("a browser's clock hours off does not renew all the time, nor never", () => {
  const issued = NOW / 1000;
  const token = jwt({ iat: issued, exp: issued + 3600 });
  assert.equal(renewAfterSeconds(token, NOW + 7_200_000), 3540);
  assert.equal(renewAfterSeconds(token, NOW - 7_200_000), 3540);
});

test("an event stream is read the same however it is cut into pieces", () => {
  const stream =
    ': hello\r\nretry: 1200\r\n\r\nevent: item\nid: c1\ndata: {"a":1}\n\nevent:ping\ndata:{}\r\n\r\ndata: a\ndata: b\n\n';
  const expected = [
    ["item", '{"a":1}'],
    ["ping", "{}"],
    ["message", "a\nb"],
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      /** @type {string[][]} */
      const events = [];
      const feed = eventParser((event, data) => events.push([event, data]));
      let from = 0;
      for (const cut of [...cuts, stream.length].sort((a, b) => a - b)) {
        feed(stream.slice(from, cut));
        from = cut;
      }
      assert.deepEqual(events, expected);
    }),
  );
});

test("only the hub's own refusals of a stream are final, and an expired token is not one", async () => {
  const problem = { "Content-Type": "application/problem+json" };
  const code = async (/** @type {number} */ status, /** @type {string} */ body, headers = problem) =>
    (await closeOfRefusal(new Response(body, { status, headers })))[0];
  assert.equal(await code(401, '{"code": "token_refused"}'), 4500);
  assert.equal(await code(401, '{"code": "token_expired"}'), 4100);
  assert.equal(await code(401, '{"code": "token_revoked"}'), 4506);
  assert.equal(await code(401, "not JSON"), 4500);
  assert.equal(await code(403, '{"code": "origin_refused"}'), 4501);
  const origin = new Response('{"code": "origin_refused", "detail": "Why."}', { status: 403, headers: problem });
  assert.deepEqual(await closeOfRefusal(origin), [4501, "Why."]);
  assert.equal(await code(403, "<html>", { "Content-Type": "text/html" }), 1006);
  const busy = new Response("{}", { status: 503, headers: { ...problem, "Retry-After": "3" } });
  assert.deepEqual(await closeOfRefusal(busy), [1006, '{"retry_after_seconds":3}']);
});

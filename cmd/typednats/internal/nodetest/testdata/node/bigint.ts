import assert from "node:assert/strict";
import type { Msg } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Numbers } from "./shop_bigint.js";
import { Shop } from "./shop_bigint.js";

const nc = await connect({ servers: process.env["NATS_URL"] ?? "localhost:4222" });
const shop = new Shop(nc);

const max = 2n ** 63n - 1n;
const one: Numbers = {
  id: max,
  text: '#12 "#34" \\"#56',
  list: [2n ** 64n - 1n, 0n, 7n],
  byName: { "#5": -max, none: null, ["__proto__"]: 3n },
  small: -5,
  free: { "#k": "#9", n: 12, list: [1, "##"] },
  "#5": "##x",
};
const all: Numbers = { ...one, deep: [[one, null], null] };

function show(value: unknown): string {
  return JSON.stringify(value, (key, v: unknown) =>
    key === "headers" ? undefined : typeof v === "bigint" ? `${v}n` : v,
  );
}

const result = await shop.count(all);
console.log(show(result));
try {
  assert.deepEqual(result.ok && result.value, all);
  console.log("the same");
} catch (e) {
  console.log(e);
}

const failed = await shop.count({ ...one, id: 0n });
if (!failed.ok) {
  const left: bigint = failed.error.value.left;
  console.log(failed.error.tag, left === max);
}

/** What is read of a body, whatever it is. */
async function read(body: string): Promise<string> {
  const msg = { data: new TextEncoder().encode(body), string: () => body } as unknown as Msg;
  try {
    const reply = await new Shop({ request: () => Promise.resolve(msg) }).count(one);
    return show(reply.ok && reply.value);
  } catch (e) {
    return String(e);
  }
}

for (const body of [
  '{"id": 12345678901234567890 , "free": 12345678901234567890}',
  '{"id":-9007199254740993,"text":"\\u00235","free":["\\u0023","#","\\"1234567890123456789"],"list":[1e3,-0]}',
  '{"id":1.5}',
  '{"id":01234567890123456789}',
  '{"__proto__":12345678901234567890,"id":1}',
  `{"text":"${"x".repeat(100)}","free":${"[".repeat(50)}1234567890123456789${"]".repeat(50)}}`,
]) {
  console.log(await read(body));
}
const long = await read(JSON.stringify({ text: "#\\".repeat(300_000), free: "[".repeat(100) }));
console.log(long.length);
const deep = await read(`{"free":${"[".repeat(400_000)}${"]".repeat(400_000)}}`);
console.log(deep.replace(/: .*/s, ""));
await nc.close();

import type { Msg } from "@nats-io/nats-core";
import { headers } from "@nats-io/nats-core";
import { Inventory } from "./inventory.js";

/** A connection for tests, which gives one answer to everything. */
function answering(body: unknown, error?: { tag: string; code: number }) {
  const h = headers();
  if (error !== undefined) {
    h.set("Nats-Service-Error", error.tag);
    h.set("Nats-Service-Error-Code", String(error.code));
    h.set("Nats-Service-Error-Type", error.tag);
  }
  const json = JSON.stringify(body);
  const msg = { data: new TextEncoder().encode(json), headers: h, string: () => json } as Msg;
  return { request: () => Promise.resolve(msg) };
}

const some = new Inventory(answering({ sku: "desk", available: 3 }));
const none = new Inventory(answering({ what: "item", id: "desk" }, { tag: "NotFound", code: 404 }));
for (const inventory of [some, none]) {
  const checked = await inventory.v1Check({ sku: "desk" });
  console.log(checked.ok ? checked.value.available : checked.error.tag);
}

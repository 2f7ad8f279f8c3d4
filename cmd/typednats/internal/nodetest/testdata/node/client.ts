import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { headers, TimeoutError } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Order, PlaceErrors, Receipt, Requester, Result, Tree } from "./shop.js";
import { orThrow, ServiceError, Shop } from "./shop.js";

const nc: NatsConnection = await connect({ servers: process.env["NATS_URL"] ?? "localhost:4222" });
const shop = new Shop(nc, { headers: { "Asked-By": "node" } });

function order(customer: string): Order {
  return { customer, lines: [{ item: "nut", count: 3 }], size: "small", pair: [1, 2.5] };
}

/** Prints how a call ended. */
async function show(name: string, result: Promise<unknown>): Promise<void> {
  try {
    console.log(`${name}: ${JSON.stringify(await result, (key, value) => (key === "headers" ? undefined : value))}`);
  } catch (e) {
    if (!(e instanceof ServiceError)) {
      throw e;
    }
    const data = new TextDecoder().decode(e.data);
    console.log(`${name}: ${e.name} ${e.reason} ${e.code} ${e.tag} ${e.refused} ${e.message} ${data}`);
  }
}

/** Each declared error is handled, or the compiler says so. */
function explain(result: Result<Receipt, PlaceErrors>): string {
  if (result.ok) {
    return `receipt ${result.value.id} of ${result.value.order.customer}: ${result.value.lines?.["nut"]}`;
  }
  switch (result.error.tag) {
    case "noItem":
      return `no ${result.error.value.item}`;
    case "SoldOut":
      return `${result.error.value.left} left until ${result.error.value.until}: ${result.error.message}`;
    case "closed":
      return `closed, code ${result.error.code}`;
    default: {
      const never: never = result.error;
      return never;
    }
  }
}

for (const customer of ["ann", "nobody", "late", "night"]) {
  console.log(explain(await shop.place(order(customer))));
}

const tree: Tree = { name: "root", children: [{ name: "leaf", children: null }] };
const full: Order = {
  ...order("bob"),
  note: "n",
  when: "2026-01-02T03:04:05Z",
  seal: "AQID",
  labels: { "a b": "c" },
  more: [null, { x: 1 }],
  "no-name": true,
  tree,
  constants: [1, 2],
};
await show("all members", shop.place(full));
await show(
  "orThrow",
  orThrow(shop.place(order("ann"))).then((r) => r.id),
);
await show("orThrow of an error", orThrow(shop.place(order("nobody"))));
await show("an old subject", shop.oldPlace(order("ann")).then(explain));

// An endpoint without declared errors has a value at once.
const found = await shop.find("root");
console.log(found.value?.name, found.value?.children?.length);
await show("null", shop.find(""));
await show("nothing there and back", shop.ping());
await show("a reply like the acknowledgement of a stream", shop.audit());
await show("anything", shop.constructor_2({ a: [1] }));

const shelf = await shop.shelf("shop.shelf.a1.of.hall.2");
console.log(shelf.ok && shelf.value, shelf.headers?.get("Shelf"));
await show("a declared error with a header of the client", shop.shelf("shop.shelf.empty.of.hall"));
const dynamic: string = "shop.shelf.*.of.hall";
await show("a subject with a wildcard", shop.shelf(dynamic as "shop.shelf.a.of.b"));
for (const subject of ["shop.shelf.a.of.", "shop.shelf.a b.of.c", "shop.shelf.of.c", "other.shelf.a.of.b"]) {
  await show("a subject that does not fit", shop.shelf(subject as "shop.shelf.a.of.b"));
}

await show("a code", shop.fails("forbidden"));
await show("an error that is not declared", shop.fails("secret"));
await show(
  "a request that cannot be decoded",
  shop.place({ ...order("ann"), lines: [{ item: "nut", count: 1, small: 1000 }] }),
);
await show("what is not JSON", shop.place({ ...order("ann"), pair: [NaN, 1] }));
await show("no request", shop.place(undefined as unknown as Order));
await show("the endpoint's time", shop.slowOne({ timeout: 60_000 }));
// Client and service know when the time is over, and either may be the first to say so.
const late: unknown = await shop.slowOne({ timeout: 50 }).catch((e: unknown) => e);
console.log("the call's time:", late instanceof ServiceError && [late.reason, late.code]);
await show("no time", shop.ping({ timeout: 0 }));
await show("nobody", shop.gone());
await show("a header of the protocol", shop.ping({ headers: { "typednats-timeout": "1" } }));
await show("a header that is not ASCII", shop.ping({ headers: { Name: "ü" } }));
await show("too large", shop.find("x".repeat(2 << 20)));

/** A connection that answers what it is told to. */
function answers(body: string, ...fields: [string, string][]): Requester {
  const h = fields.length === 0 ? undefined : headers();
  for (const [name, value] of fields) {
    h?.append(name, value);
  }
  const msg = { data: new TextEncoder().encode(body), string: () => body, headers: h } as unknown as Msg;
  return { request: () => Promise.resolve(msg) };
}

function fake(body: string, ...fields: [string, string][]): Shop {
  return new Shop(answers(body, ...fields));
}

const silent = new Shop({ request: () => Promise.reject(new TimeoutError()) });
await show("silence", silent.ping({ timeout: 50.5 }));
const code: [string, string] = ["nats-service-error-CODE", "404"];
const tag: [string, string] = ["NATS-SERVICE-ERROR-TYPE", "noItem"];
await show(
  "headers in other cases",
  fake('{"item":"nut"}', ["nats-service-error", "gone"], code, tag).place(order("")),
);
await show(
  "an alias",
  fake('{"left":1}', ["Nats-Service-Error", "x"], ["Nats-Service-Error-Type", "soldOut"]).place(order("")),
);
await show("an unknown tag", fake("{}", code, ["Nats-Service-Error-Type", "__proto__"]).place(order("")));
await show("a declared error that is not JSON", fake("{", code, tag).place(order("")));
await show(
  "a declared error without a body and members",
  fake("", code, ["Nats-Service-Error-Type", "closed"]).place(order("")),
);
await show("a bad code", fake("", ["Nats-Service-Error-Code", "-1"]).place(order("")));
await show("a tag alone", fake('"x"', tag).fails(""));
await show("text that is not ASCII", fake("", code, ["Typednats-Error-Text", "f%C3%BCr"]).fails(""));
await show(
  "text that is not encoded",
  fake("", code, ["Nats-Service-Error", "raw"], ["Typednats-Error-Text", "%"]).fails(""),
);
await show("expired", fake("", ["Nats-Service-Error-Code", "504"], ["Typednats-Refused", "expired"]).fails(""));
await show("504 of the handler's own", fake("", ["Nats-Service-Error-Code", "504"]).fails(""));
await show("a stream", fake('{"stream":"AUDIT","seq":1,"domain":"hub"}').fails(""));
await show("no stream", fake('{"stream":"AUDIT","seq":1,"mine":1}').fails(""));
await show(
  "not said to be a stream",
  fake('{"stream":"AUDIT","seq":1}', ["Content-Type", "application/json"]).fails(""),
);
await show("a stream that may be meant", fake('{"stream":"AUDIT","seq":1}').audit());
await show("another codec", fake("\x81", ["content-type", "application/msgpack; x=y"]).fails(""));
await show("not JSON", fake("{").fails(""));
await show("nothing", fake("").fails(""));
await show("null where there is a value", fake("null").fails(""));
await show("a body that nobody reads", fake("{").ping());

await nc.close();
await show("a closed connection", shop.ping());

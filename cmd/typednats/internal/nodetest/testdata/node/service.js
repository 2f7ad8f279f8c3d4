import { headers } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";

const nc = await connect({ servers: process.env.NATS_URL ?? "localhost:4222" });

/** An error that the endpoint declares: callers get its tag and its value. */
class Declared extends Error {
  constructor(tag, code, message, value) {
    super(message);
    Object.assign(this, { tag, code, value });
  }
}

/** Answers requests: with what handle returns, a declared error that it throws, or 500 and nothing of what went wrong. */
function serve(subject, handle) {
  nc.subscribe(subject, {
    queue: "q", // instances share the requests
    callback: async (_, msg) => {
      try {
        msg.respond(JSON.stringify(await handle(read(msg), msg)));
      } catch (e) {
        if (e instanceof Declared) {
          msg.respond(JSON.stringify(e.value), { headers: failure(e.code, e.message, e.tag) });
        } else if (e instanceof Refused) {
          const h = failure(e.code, e.message);
          h.set("Typednats-Refused", e.why); // the handler has not run
          msg.respond("", { headers: h });
        } else {
          console.error(subject, e);
          msg.respond("", { headers: failure(500, "internal error") });
        }
      }
    },
  });
}

/** A request that no handler sees. */
class Refused extends Error {
  constructor(code, why, message) {
    super(message);
    Object.assign(this, { code, why });
  }
}

function read(msg) {
  const type = msg.headers?.get("Content-Type") || "application/json";
  if (type !== "application/json") {
    throw new Refused(415, "codec", `content type ${type} is not accepted; accepted: application/json`);
  }
  try {
    return JSON.parse(msg.string());
  } catch (e) {
    throw new Refused(400, "decode", e.message);
  }
}

/** The headers of an error reply. The text is one line of ASCII; the whole of it goes beside it. */
function failure(code, text, tag) {
  const h = headers();
  const escape = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  h.set("Nats-Service-Error", text.replace(/\s+/g, " ").replace(/[^ -~]/g, escape) || tag || `error ${code}`);
  h.set("Nats-Service-Error-Code", String(code));
  if (tag !== undefined) {
    h.set("Nats-Service-Error-Type", tag);
  }
  if (/[^ -~]/.test(text)) {
    h.set("Typednats-Error-Text", encodeURIComponent(text));
  }
  return h;
}

const stock = new Map([["chair", 12]]);

serve("inventory.api.v1.check", ({ sku }) => {
  if (sku === "") {
    throw new Declared("InvalidRequest", 400, "sku: is empty", { field: "sku", reason: "is empty" });
  }
  if (!stock.has(sku)) {
    throw new Declared("NotFound", 404, `there is no item "${sku}"`, { what: "item", id: sku });
  }
  return { sku, available: stock.get(sku) };
});

await nc.flush();
console.log("serving");
process.on("SIGTERM", () => nc.drain()); // answers what came

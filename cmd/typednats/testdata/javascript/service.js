// A service in JavaScript, which knows nothing of typednats. It ends with its standard input.
import { connect, headers } from "@nats-io/transport-node";
import { Svcm } from "@nats-io/services";

const nc = await connect({ servers: process.argv[2] });
const service = await new Svcm(nc).add({ name: "javascript", version: "2.0.0", description: "Runs on Node." });

service.addEndpoint("sum", {
  subject: "js.sum",
  handler: (err, msg) => {
    const { a, b } = msg.json();
    msg.respond(JSON.stringify({ sum: a + b, timeout: msg.headers?.get("Typednats-Timeout") }));
  },
});
service.addEndpoint("fail", {
  subject: "js.fail",
  handler: (err, msg) => msg.respondError(422, "cannot do that", JSON.stringify({ why: "no reason" })),
});
service.addEndpoint("lower", {
  subject: "js.lower",
  handler: (err, msg) => {
    const h = headers();
    h.set("nats-service-error", "in lower case");
    h.set("nats-service-error-code", "409");
    h.set("nats-service-error-type", "LowerError");
    msg.respond(JSON.stringify({ lower: true }), { headers: h });
  },
});
await nc.flush();
console.log(service.info().id);
process.stdin.on("end", () => nc.close()).resume();

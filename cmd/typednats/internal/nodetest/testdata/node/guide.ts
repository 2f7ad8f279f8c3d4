import { connect } from "@nats-io/transport-node";
import { Inventory, orThrow, ServiceError } from "./inventory.js";

const nc = await connect({ servers: process.env["NATS_URL"] ?? "localhost:4222" });
const inventory = new Inventory(nc, { timeout: 2000 });

for (const sku of ["chair", "sofa", ""]) {
  const checked = await inventory.v1Check({ sku });
  if (checked.ok) {
    console.log(`${sku}: ${checked.value.available} available`);
    continue;
  }
  switch (checked.error.tag) {
    case "NotFound":
      console.log(`${checked.error.value.what} ${checked.error.value.id} is missing`);
      break;
    case "InvalidRequest":
      console.log(`${checked.error.value.field}: ${checked.error.value.reason}`);
      break;
    default:
      checked.error satisfies never; // does not compile if one is left
  }
}

const site: string = "berlin";
const summary = await orThrow(inventory.warehouse(`inventory.api.v2.warehouse.${site}`));
console.log(`${summary.pieces} pieces in ${summary.site}`);

try {
  await inventory.v2Check({ sku: "lamp" });
} catch (e) {
  if (!(e instanceof ServiceError)) {
    throw e;
  }
  console.log(e.reason, e.code);
}
await nc.close();

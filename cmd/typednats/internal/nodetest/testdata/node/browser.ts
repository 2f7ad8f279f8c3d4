import { wsconnect } from "@nats-io/nats-core";
import { Inventory } from "./inventory.js";

export async function available(server: string, sku: string): Promise<number> {
  const nc = await wsconnect({ servers: server });
  try {
    const checked = await new Inventory(nc).v1Check({ sku });
    return checked.ok ? checked.value.available : 0;
  } finally {
    await nc.close();
  }
}

// Nothing here compiles, and the compiler says so in each place where it is expected, or it fails.
import type { Order, PlaceErrors, Receipt, Result, Tree } from "./shop.js";
import { orThrow, ServiceError, Shop } from "./shop.js";

export async function rejected(shop: Shop, order: Order, text: string): Promise<void> {
  // @ts-expect-error a member is missing
  await shop.place({ customer: "ann", lines: null, size: "small" });
  // @ts-expect-error a member that the request does not have
  await shop.place({ ...order, wrong: 1 });
  // @ts-expect-error a value that the enum does not have
  await shop.place({ ...order, size: "medium" });
  // @ts-expect-error a number that the list of values does not have
  await shop.place({ ...order, constants: [4] });
  // @ts-expect-error null where there is a value
  await shop.place({ ...order, customer: null });
  // @ts-expect-error a date is text
  await shop.place({ ...order, when: new Date() });
  // @ts-expect-error three numbers for two
  await shop.place({ ...order, pair: [1, 2, 3] });
  // @ts-expect-error no request
  await shop.place();
  // @ts-expect-error a request where there is none
  await shop.ping({ a: 1 });
  // @ts-expect-error a subject of another endpoint
  await shop.shelf("shop.other.a.of.b");
  // @ts-expect-error a text that may be anything
  await shop.shelf(text);
  // @ts-expect-error an endpoint that does not take JSON
  await shop.blob(new Uint8Array());
  // @ts-expect-error an endpoint that is not there
  await shop.nowhere();
  // @ts-expect-error a connection that is none
  new Shop({});

  const placed = await shop.place(order);
  // @ts-expect-error it may have failed
  console.log(placed.value);
  if (placed.ok) {
    // @ts-expect-error a member that the reply does not have
    console.log(placed.value.wrong);
    // @ts-expect-error it may be null
    console.log(placed.value.seal.length);
    // @ts-expect-error there is no error
    console.log(placed.error);
  } else {
    // @ts-expect-error the value of which error is not known yet
    console.log(placed.error.value.left);
    // @ts-expect-error a tag that the endpoint does not declare
    console.log(placed.error.tag === "gone");
  }

  const found = await shop.find("a");
  // @ts-expect-error an endpoint without errors has none
  console.log(found.error);
  const tree: Tree | null = found.value;
  // @ts-expect-error it may be null
  console.log(tree.name);

  // @ts-expect-error text is no number
  const id: number = (await orThrow(shop.place(order))).id;
  console.log(id);
  try {
    await shop.ping();
  } catch (e) {
    if (e instanceof ServiceError) {
      // @ts-expect-error a reason that there is not
      console.log(e.reason === "tired");
    }
  }
}

export function unhandled(result: Result<Receipt, PlaceErrors>): string {
  if (result.ok) {
    return "";
  }
  switch (result.error.tag) {
    case "noItem":
    case "closed":
      return "";
    default: {
      // @ts-expect-error one is left
      const never: never = result.error;
      return never;
    }
  }
}

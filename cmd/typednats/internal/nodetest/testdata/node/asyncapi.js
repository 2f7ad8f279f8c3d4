import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
  for (const { message, path: at, severity } of diagnostics) {
    console.log(`${path}: ${["error", "warning", "info", "hint"][severity]}: ${at.join(".")}: ${message}`);
  }
  for (const operation of document?.operations().all() ?? []) {
    const replies = operation.reply()?.channel()?.messages().all() ?? [];
    console.log(
      operation.action(),
      operation.channels().all()[0].address(),
      replies.map((message) => JSON.stringify(message.name())).join(" "),
    );
  }
}

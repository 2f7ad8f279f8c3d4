import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, validateFormats: false });
ajv.addVocabulary(["x-typednats", "x-msgpack-name", "x-keys"]);

for (const { file, value, valid } of JSON.parse(readFileSync("cases.json", "utf8"))) {
  const validate = ajv.getSchema(file) ?? ajv.compile({ ...JSON.parse(readFileSync(file, "utf8")), $id: file });
  if (validate(value) !== valid) {
    console.log(`${file}: ${JSON.stringify(value)} is ${valid ? "not " : ""}valid`, validate.errors);
  }
}

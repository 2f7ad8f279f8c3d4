
function stringify(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, member: unknown) => finite(member));
}

function decode(json: string): unknown {
  return JSON.parse(json);
}

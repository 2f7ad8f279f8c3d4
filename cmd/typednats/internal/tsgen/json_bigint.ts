
/** Writes a bigint as a number with all its digits. On the way it is a string that begins with "#". */
function stringify(value: unknown): string | undefined {
  const marked = JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === "bigint") {
      return `#${member}`;
    }
    return typeof member === "string" && member.startsWith("#") ? `#${member}` : finite(member);
  }) as string | undefined;
  return marked?.replace(/"(#?)([^"\\]*(?:\\.[^"\\]*)*)"(:?)/g, (token, mark: string, rest: string, colon: string) => {
    if (mark === "" || colon !== "") {
      return token;
    }
    return rest.startsWith("#") ? `"${rest}"` : rest;
  });
}

/** Where in a value integers are read as bigint. */
interface Shape {
  readonly isInt64?: boolean;
  readonly items?: () => Shape;
  readonly members?: ReadonlyMap<string, () => Shape>;
  readonly others?: () => Shape;
}

const int64: Shape = { isInt64: true };

/** Reads integers with all their digits. On the way those that a number cannot hold are strings that begin with "#". */
function decode(json: string, shape: Shape | undefined): unknown {
  const marked = json.replace(
    /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token, colon: string | undefined) => {
      if (token.startsWith('"')) {
        return colon === undefined && /^"(?:#|\\u0023)/.test(token) ? `"#${token.slice(1)}` : token;
      }
      return /^-?[1-9]\d{15,}$/.test(token) ? `"#${token}"` : token;
    },
  );
  return settle(JSON.parse(marked), shape);
}

function settle(value: unknown, shape: Shape | undefined): unknown {
  if (typeof value === "string" && value.startsWith("#")) {
    const rest = value.slice(1);
    if (rest.startsWith("#")) {
      return rest;
    }
    return shape?.isInt64 ? BigInt(rest) : Number(rest);
  }
  if (typeof value === "number") {
    return shape?.isInt64 ? BigInt(value) : value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => settle(item, shape?.items?.()));
  }
  if (typeof value === "object" && value !== null) {
    const members = value as Record<string, unknown>;
    for (const [name, member] of Object.entries(members)) {
      members[name] = settle(member, (shape?.members?.get(name) ?? shape?.others)?.());
    }
  }
  return value;
}

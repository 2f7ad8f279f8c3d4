// Made by "typednats gen typescript" from contracts. Do not edit it: make it anew when they change.
// int64 and uint64 are of the type number, which rounds them beyond 2^53.
//
// contract shop.audit H19LCKPnvUI1v9C6MgBJog
// contract shop.blob VvjkIt_L804hTDGLTAEQrg
// contract shop.constructor iRR4q1jX-SnHDiiN1XYqNg
// contract shop.count XL2AQf743Xc8ObJ6o5MsLg
// contract shop.fails s1UknAcmGTZ7XunAxLgTFA
// contract shop.find V75flpR21jOJQKImAnIjiA
// contract shop.gone WztLAc96NG45Q3cUdTnt0A
// contract shop.old.place ugZKPrzaUW4t6AvC5oJ-mA
// contract shop.pack sNWJbKxQ6whAe0nKgs85ZQ
// contract shop.ping YSwgp0Bra5W7v1CcTwMPzQ
// contract shop.place sYP0cnaMLpOijJzrTITiHA
// contract shop.shelf.*.of.> oD0Gl65upplhTWaV1-bLkQ
// contract shop.slow-one O19cSt7ZodA5JOI0iGPwGw

/* eslint-disable */

import { headers as newHeaders } from "@nats-io/nats-core";
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/nats-core";

/** The errors that `count` declares. */
export type CountErrors = Declared<"SoldOut", SoldOut>;

/** The errors that `fails` declares. */
export type FailsErrors = Declared<"noItem", NoItem>;

/** The errors that `oldPlace` declares. */
export type OldPlaceErrors = Declared<"noItem", NoItem> | Declared<"closed", Closed> | Declared<"SoldOut", SoldOut>;

/** The errors that `place` declares. */
export type PlaceErrors = Declared<"noItem", NoItem> | Declared<"closed", Closed> | Declared<"SoldOut", SoldOut>;

/** The errors that `shelf` declares. */
export type ShelfErrors = Declared<"noItem", NoItem>;

/** Calls the endpoints of shop. */
export class Shop {
  readonly #client: Client;

  /** The connection stays open: who has made it closes it. `defaults` are for all calls. */
  constructor(nc: Requester, defaults: CallOptions = {}) {
    this.#client = { nc, defaults };
  }

  /** Subject: `shop.audit` */
  audit(options: CallOptions = {}): Promise<Result<Entry | null, never>> {
    const endpoint: Endpoint = {
      subject: "shop.audit",
      takesNothing: true,
      isNullable: true,
      mayBeStream: true,
    };
    return call<Entry | null, never>(this.#client, endpoint, endpoint.subject, undefined, options);
  }

  /** Cannot be called from here: it does not accept JSON. */
  declare readonly blob: "shop.blob accepts application/octet-stream, and this client sends JSON";

  /**
   * Subject: `shop.constructor`
   * Every instance gets the request; the first reply counts.
   */
  constructor_2(request: unknown, options: CallOptions = {}): Promise<Result<unknown, never>> {
    const endpoint: Endpoint = {
      subject: "shop.constructor",
      isNullable: true,
    };
    return call<unknown, never>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /** Subject: `shop.count` */
  count(request: Numbers, options: CallOptions = {}): Promise<Result<Numbers, CountErrors>> {
    const endpoint: Endpoint = {
      subject: "shop.count",
      errors: [{ tags: ["SoldOut"] }],
    };
    return call<Numbers, CountErrors>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /** Subject: `shop.fails` */
  fails(request: string, options: CallOptions = {}): Promise<Result<string, FailsErrors>> {
    const endpoint: Endpoint = {
      subject: "shop.fails",
      errors: [{ tags: ["noItem"] }],
    };
    return call<string, FailsErrors>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /**
   * Subject: `shop.find`
   * Running it twice does no harm.
   */
  find(request: string, options: CallOptions = {}): Promise<Result<Tree | null, never>> {
    const endpoint: Endpoint = {
      subject: "shop.find",
      isNullable: true,
    };
    return call<Tree | null, never>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /** Subject: `shop.gone` */
  gone(options: CallOptions = {}): Promise<Result<undefined, never>> {
    const endpoint: Endpoint = {
      subject: "shop.gone",
      takesNothing: true,
      isEmpty: true,
    };
    return call<undefined, never>(this.#client, endpoint, endpoint.subject, undefined, options);
  }

  /**
   * Places an order. *\/ eval("1") // \@ts-nocheck
   * \@deprecated it is not
   *
   * Subject: `shop.old.place`
   * @deprecated use shop.place *\/
   */
  oldPlace(request: Order, options: CallOptions = {}): Promise<Result<Receipt, OldPlaceErrors>> {
    const endpoint: Endpoint = {
      subject: "shop.old.place",
      errors: [{ tags: ["noItem"] }, { tags: ["closed"], isEmpty: true }, { tags: ["SoldOut", "soldOut"] }],
    };
    return call<Receipt, OldPlaceErrors>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /** Cannot be called from here: it does not accept JSON. */
  declare readonly pack: "shop.pack accepts application/msgpack, and this client sends JSON";

  /** Subject: `shop.ping` */
  ping(options: CallOptions = {}): Promise<Result<undefined, never>> {
    const endpoint: Endpoint = {
      subject: "shop.ping",
      takesNothing: true,
      isEmpty: true,
    };
    return call<undefined, never>(this.#client, endpoint, endpoint.subject, undefined, options);
  }

  /**
   * Places an order. *\/ eval("1") // \@ts-nocheck
   * \@deprecated it is not
   *
   * Subject: `shop.place`
   */
  place(request: Order, options: CallOptions = {}): Promise<Result<Receipt, PlaceErrors>> {
    const endpoint: Endpoint = {
      subject: "shop.place",
      errors: [{ tags: ["noItem"] }, { tags: ["closed"], isEmpty: true }, { tags: ["SoldOut", "soldOut"] }],
    };
    return call<Receipt, PlaceErrors>(this.#client, endpoint, endpoint.subject, request, options);
  }

  /** Subject: `shop.shelf.*.of.>` */
  shelf(
    subject: `shop.shelf.${string}.of.${string}`,
    options: CallOptions = {},
  ): Promise<Result<string[] | null, ShelfErrors>> {
    const endpoint: Endpoint = {
      subject: "shop.shelf.*.of.>",
      takesNothing: true,
      isNullable: true,
      errors: [{ tags: ["noItem"] }],
    };
    return call<string[] | null, ShelfErrors>(this.#client, endpoint, subject, undefined, options);
  }

  /** Subject: `shop.slow-one` */
  slowOne(options: CallOptions = {}): Promise<Result<undefined, never>> {
    const endpoint: Endpoint = {
      subject: "shop.slow-one",
      timeout: 200,
      takesNothing: true,
      isEmpty: true,
    };
    return call<undefined, never>(this.#client, endpoint, endpoint.subject, undefined, options);
  }
}

export interface Entry {
  /** int64 */
  seq: number;
  stream: string;
}

export interface Numbers {
  "#5": string;
  byName: { [name: string]: number | null } | null;
  deep?: ((Numbers | null)[] | null)[];
  free: unknown;
  /** int64 */
  id: number;
  list: number[] | null;
  /** integer from -2147483648 to 2147483647 */
  small: number;
  text: string;
}

export interface SoldOut {
  /** int64 */
  left: number;
  /** date and time as in RFC 3339 */
  until: string | null;
}

export interface NoItem {
  item: string;
}

export interface Tree {
  byName?: { [name: string]: Tree };
  children: Tree[] | null;
  name: string;
}

export interface Order {
  constants?: (1 | 2 | 3)[];
  customer: string;
  labels?: { [name: string]: string };
  lines: Line[] | null;
  more?: unknown;
  "no-name"?: boolean;
  /**
   * Deprecated: nobody reads it
   * @deprecated
   */
  note?: string;
  pair: [number, number];
  /** bytes, in base64 */
  seal?: string;
  size: "small" | "large";
  tree?: Tree;
  /** date and time as in RFC 3339 */
  when?: string;
}

export interface Line {
  /** int64 */
  count: number;
  /**
   * what is ordered *\/ alert(1) /* \@ts-ignore
   * @example "nut"
   */
  item: string;
  /** integer from -128 to 127 */
  small?: number;
}

export interface Receipt {
  back?: { [name: string]: Order | null };
  id: string;
  lines: { [name: string]: number } | null;
  order: Order;
  /** bytes, in base64 */
  seal: string | null;
  sum: number;
}

export type Closed = Record<string, never>;

/** What a call gives: the reply, or one of the errors that the endpoint declares. Everything else is thrown. */
export type Result<T, E> = Ok<T> | ([E] extends [never] ? never : Failed<E>);

/** A reply. */
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
  /** What the service sent beside it. */
  readonly headers?: MsgHdrs | undefined;
}

/** An error that the endpoint declares. */
export interface Failed<E> {
  readonly ok: false;
  readonly error: E;
  /** What the service sent beside it. */
  readonly headers?: MsgHdrs | undefined;
}

/** A declared error: its tag says which one it is. */
export interface Declared<Tag extends string, Value> {
  readonly tag: Tag;
  readonly code: number;
  readonly message: string;
  readonly value: Value;
}

/** Settings of one call, or of all calls of a client. */
export interface CallOptions {
  /**
   * How long to wait, in milliseconds; the service knows it, too. That of a call counts before the endpoint's own, and
   * that before the one of the client, which is 5 s if nothing else is said.
   */
  readonly timeout?: number;
  /** What to send beside the request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a client needs: a `NatsConnection`, or something that stands in for one in a test. */
export type Requester = Pick<NatsConnection, "request">;

/**
 * Why a call failed:
 *
 * - `answered`: the service answered with an error that the endpoint does not declare
 * - `declared`: with one that it does, and `orThrow` threw it
 * - `timeout`: no reply came in time, or the service says that the time was over
 * - `no-responders`: nobody serves the subject
 * - `stream`: a JetStream stream took the message in the place of a service
 * - `reply`: the reply is not what the contract says
 * - `request`: the request cannot be sent
 * - `connection`: the connection is closed, or may not send this
 */
export type Reason =
  | "answered"
  | "declared"
  | "timeout"
  | "no-responders"
  | "stream"
  | "reply"
  | "request"
  | "connection";

/** What is thrown by a call that has no result. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  /** Why there is no result. */
  readonly reason: Reason;
  /** The code that the service answered with, 504 for a timeout, 503 if there is nobody; else 0. */
  readonly code: number;
  /** The tag that came with the error, if one did. */
  readonly tag: string | undefined;
  /** The body of the reply. */
  readonly data: Uint8Array;
  /** Why the service did not run the request, if it says that it did not: `overload`, `codec`, `decode` and others. */
  readonly refused: string | undefined;
  /** The value of a declared error that `orThrow` threw. */
  readonly value: unknown;

  constructor(
    message: string,
    reason: Reason,
    details: {
      code?: number;
      tag?: string | undefined;
      data?: Uint8Array;
      refused?: string | undefined;
      value?: unknown;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.code = details.code ?? 0;
    this.tag = details.tag;
    this.data = details.data ?? new Uint8Array();
    this.refused = details.refused;
    this.value = details.value;
  }
}

/** Returns the reply of a call, and throws a declared error as a `ServiceError`. */
export async function orThrow<T>(
  call: Ok<T> | Failed<Declared<string, unknown>> | Promise<Ok<T> | Failed<Declared<string, unknown>>>,
): Promise<T> {
  const result = await call;
  if (result.ok) {
    return result.value;
  }
  const { message, code, tag, value } = result.error;
  throw new ServiceError(message, "declared", { code, tag, value });
}

/** What a call has to know of its endpoint. */
interface Endpoint {
  readonly subject: string;
  /** The endpoint's own time, in milliseconds. */
  readonly timeout?: number;
  /** The tags of each declared error: the one that the service sends, and others that mean the same. */
  readonly errors?: readonly DeclaredError[];
  /** Says that the reply has no body. */
  readonly isEmpty?: boolean;
  /** Says that the reply may be null. */
  readonly isNullable?: boolean;
  /** Says that the reply has members that the acknowledgement of a stream has, so that one may be meant. */
  readonly mayBeStream?: boolean;
  /** Says that the request has no body. */
  readonly takesNothing?: boolean;
}

interface DeclaredError {
  readonly tags: readonly [string, ...string[]];
  /** Says that there is nothing in its body. */
  readonly isEmpty?: boolean;
}

/** A connection with the settings of all calls. */
interface Client {
  readonly nc: Requester;
  readonly defaults: CallOptions;
}

/** The longest time that a timer of JavaScript knows. */
const maxTimeout = 2 ** 31 - 1;

/** Makes one call. */
async function call<T, E>(
  client: Client,
  endpoint: Endpoint,
  subject: string,
  request: unknown,
  options: CallOptions,
): Promise<Result<T, E>> {
  const timeout = options.timeout ?? endpoint.timeout ?? client.defaults.timeout ?? 5000;
  if (!(timeout > 0 && timeout <= maxTimeout)) {
    throw new ServiceError(`timeout is ${timeout}: want 1 to ${maxTimeout} milliseconds`, "request");
  }
  checkSubject(endpoint.subject, subject);
  const body = endpoint.takesNothing ? "" : encode(request);
  let msg: Msg;
  try {
    const headers = sentHeaders({ ...client.defaults.headers, ...options.headers });
    headers.set("Typednats-Timeout", String(Math.ceil(timeout)));
    msg = await client.nc.request(subject, body, { timeout: Math.ceil(timeout), headers });
  } catch (cause) {
    throw cause instanceof ServiceError ? cause : notAnswered(subject, timeout, cause);
  }
  return read<T, E>(endpoint, subject, msg) as Result<T, E>;
}

function sentHeaders(all: Readonly<Record<string, string>>): MsgHdrs {
  const sent = newHeaders();
  for (const [name, value] of Object.entries(all)) {
    if (/^(?:content-type|status|typednats-.*|nats-service-error.*)$/i.test(name)) {
      throw new ServiceError(`the header ${name} is not for programs to set`, "request");
    }
    if (!/^[ -~]*$/.test(value)) {
      throw new ServiceError(`the header ${name} has a value that is not printable ASCII`, "request");
    }
    sent.append(name, value);
  }
  return sent;
}

/** Reads a reply. */
function read<T, E>(endpoint: Endpoint, subject: string, msg: Msg): Ok<T> | Failed<E> {
  const failure = failureOf(msg);
  if (failure === undefined) {
    return { ok: true, value: readReply(endpoint, subject, msg) as T, headers: msg.headers };
  }
  const { code, message, tag, refused } = failure;
  const declared = tag === undefined ? undefined : endpoint.errors?.find((known) => known.tags.includes(tag));
  if (declared !== undefined) {
    try {
      const value = declared.isEmpty ? {} : decode(msg.string());
      return { ok: false, error: { tag: declared.tags[0], code, message, value } as E, headers: msg.headers };
    } catch {
      // It is not what the contract says, and all that is known is thrown.
    }
  }
  const isTimeout = code === 504 && (refused === "expired" || header(msg, "Typednats-Interrupted") === "deadline");
  throw new ServiceError(message || `code ${code}`, isTimeout ? "timeout" : "answered", {
    code,
    tag,
    refused,
    data: msg.data,
  });
}

function readReply(endpoint: Endpoint, subject: string, msg: Msg): unknown {
  const stream = endpoint.mayBeStream ? undefined : streamOf(msg);
  if (stream !== undefined) {
    throw new ServiceError(
      `the stream ${stream} took the message on ${subject}: it has the subject of the service`,
      "stream",
      { data: msg.data },
    );
  }
  if (endpoint.isEmpty) {
    return undefined;
  }
  const contentType = header(msg, "Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (contentType !== undefined && contentType !== "application/json") {
    throw new ServiceError(`the reply on ${subject} is ${contentType}, not JSON`, "reply", { data: msg.data });
  }
  let value: unknown;
  try {
    value = decode(msg.string());
  } catch (cause) {
    throw new ServiceError(`the reply on ${subject} cannot be read: ${text(cause)}`, "reply", {
      data: msg.data,
      cause,
    });
  }
  if (value === null && !endpoint.isNullable) {
    throw new ServiceError(`the reply on ${subject} is null`, "reply", { data: msg.data });
  }
  return value;
}

/** Returns what the headers of an error reply say, and undefined for any other reply. */
function failureOf(
  msg: Msg,
): { code: number; message: string; tag: string | undefined; refused: string | undefined } | undefined {
  const description = header(msg, "Nats-Service-Error");
  const code = header(msg, "Nats-Service-Error-Code");
  if (description === undefined && code === undefined) {
    return undefined;
  }
  let message = description ?? "";
  const full = header(msg, "Typednats-Error-Text");
  if (full !== undefined) {
    try {
      message = decodeURIComponent(full);
    } catch {
      // The description says the same, in ASCII.
    }
  }
  return {
    code: code !== undefined && /^0*[1-9][0-9]{0,8}$/.test(code) ? Number(code) : 500,
    message,
    tag: header(msg, "Nats-Service-Error-Type"),
    refused: header(msg, "Typednats-Refused"),
  };
}

/** Returns the first value of a header, whose name is read without case. */
function header(msg: Msg, name: string): string | undefined {
  let found: string | undefined;
  for (const [key, values] of msg.headers ?? []) {
    if (key === name) {
      return values[0];
    }
    if (key.toLowerCase() === name.toLowerCase()) {
      found ??= values[0];
    }
  }
  return found;
}

/** What a server puts into the acknowledgement of a stream. */
const acknowledged = ["stream", "seq", "error", "domain", "duplicate", "val", "batch", "count"];

/** Returns the name of the stream whose acknowledgement a message is. */
function streamOf(msg: Msg): string | undefined {
  if (msg.data.length > 4096 || [...(msg.headers ?? [])].length > 0) {
    return undefined;
  }
  const body = msg.string();
  if (!body.startsWith('{"stream":"') && !body.startsWith('{"error":{')) {
    return undefined;
  }
  try {
    const members = JSON.parse(body) as Record<string, unknown>;
    const { stream, seq } = members;
    const isOne = Object.keys(members).every((name) => acknowledged.includes(name));
    return isOne && typeof stream === "string" && typeof seq === "number" ? stream : undefined;
  } catch {
    return undefined;
  }
}

/** Says why there is no reply. */
function notAnswered(subject: string, timeout: number, cause: unknown): ServiceError {
  const names = [cause, cause instanceof Error ? cause.cause : undefined].map((e) =>
    e instanceof Error ? e.name : "",
  );
  if (names.some((name) => name.startsWith("NoResponders"))) {
    return new ServiceError(`nobody serves ${subject}`, "no-responders", { code: 503, cause });
  }
  if (names.includes("TimeoutError")) {
    return new ServiceError(`no reply on ${subject} in ${timeout} ms`, "timeout", { code: 504, cause });
  }
  const isRequest = names.includes("InvalidArgumentError") || names.includes("InvalidSubjectError");
  return new ServiceError(
    `cannot send the request on ${subject}: ${text(cause)}`,
    isRequest ? "request" : "connection",
    { cause },
  );
}

/** Checks that a subject is one that an endpoint listens on. */
function checkSubject(pattern: string, subject: string): void {
  const want = pattern.split(".");
  const got = subject.split(".");
  const isOpen = want[want.length - 1] === ">";
  const fits =
    (isOpen ? got.length >= want.length : got.length === want.length) &&
    want.every((token, i) => token === got[i] || token === "*" || (token === ">" && i === want.length - 1)) &&
    got.every((token) => token !== "" && token !== "*" && token !== ">" && !/[\u0000-\u0020\u007f]/.test(token));
  if (!fits) {
    throw new ServiceError(`${JSON.stringify(subject)} is not a subject of the endpoint on ${pattern}`, "request");
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Writes a request. */
function encode(value: unknown): string {
  try {
    const json = stringify(value);
    if (json !== undefined) {
      return json;
    }
  } catch (cause) {
    throw new ServiceError(`cannot write the request as JSON: ${text(cause)}`, "request", { cause });
  }
  throw new ServiceError("there is no request", "request");
}

function finite(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`${value} is not a number of JSON`);
  }
  return value;
}

function stringify(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, member: unknown) => finite(member));
}

function decode(json: string): unknown {
  return JSON.parse(json);
}

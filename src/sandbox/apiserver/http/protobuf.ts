/**
 * The few messages that kubectl insists on sending as protobuf (`create namespace`, `create secret`, ...), read into the
 * objects that their JSON would give. Answers are always JSON, which every client accepts.
 *
 * Source: k8s.io/api/core/v1/generated.proto, k8s.io/apimachinery/pkg/runtime/serializer/protobuf ("k8s\0" envelope).
 */
import { secondsTime, type JsonObject } from "../json.ts";
import { badRequest, unsupportedMediaType } from "../status-error.ts";

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

type FieldType = "string" | "bytes" | "int" | "bool" | Message;
interface Field {
  readonly name: string;
  readonly type: FieldType | "time";
  readonly shape?: "list" | "map";
}
type Message = { readonly [fieldNumber: number]: Field };

const MAGIC = Buffer.from("k8s\0");

const OWNER: Message = {
  1: { name: "kind", type: "string" },
  3: { name: "name", type: "string" },
  4: { name: "uid", type: "string" },
  5: { name: "apiVersion", type: "string" },
  6: { name: "controller", type: "bool" },
  7: { name: "blockOwnerDeletion", type: "bool" },
};

const META: Message = {
  1: { name: "name", type: "string" },
  2: { name: "generateName", type: "string" },
  3: { name: "namespace", type: "string" },
  5: { name: "uid", type: "string" },
  6: { name: "resourceVersion", type: "string" },
  8: { name: "creationTimestamp", type: "time" },
  11: { name: "labels", type: "string", shape: "map" },
  12: { name: "annotations", type: "string", shape: "map" },
  13: { name: "ownerReferences", type: OWNER, shape: "list" },
  14: { name: "finalizers", type: "string", shape: "list" },
};

const metadata: Field = { name: "metadata", type: META };
const REFERENCE: Message = { 3: { name: "name", type: "string" } };

const MESSAGES: Readonly<Record<string, Message>> = {
  "v1/Namespace": {
    1: metadata,
    2: { name: "spec", type: { 1: { name: "finalizers", type: "string", shape: "list" } } },
  },
  "v1/ConfigMap": {
    1: metadata,
    2: { name: "data", type: "string", shape: "map" },
    3: { name: "binaryData", type: "bytes", shape: "map" },
    4: { name: "immutable", type: "bool" },
  },
  "v1/Secret": {
    1: metadata,
    2: { name: "data", type: "bytes", shape: "map" },
    3: { name: "type", type: "string" },
    4: { name: "stringData", type: "string", shape: "map" },
    5: { name: "immutable", type: "bool" },
  },
  "v1/ServiceAccount": { 1: metadata, 2: { name: "secrets", type: REFERENCE, shape: "list" } },
  "/DeleteOptions": {
    1: { name: "gracePeriodSeconds", type: "int" },
    2: {
      name: "preconditions",
      type: { 1: { name: "uid", type: "string" }, 2: { name: "resourceVersion", type: "string" } },
    },
    3: { name: "orphanDependents", type: "bool" },
    4: { name: "propagationPolicy", type: "string" },
    5: { name: "dryRun", type: "string", shape: "list" },
  },
};

const ENVELOPE: Message = {
  1: { name: "typeMeta", type: { 1: { name: "apiVersion", type: "string" }, 2: { name: "kind", type: "string" } } },
  2: { name: "raw", type: "bytes" },
};

export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest("the body does not start as Kubernetes protobuf");
  const envelope = decode(ENVELOPE, bytes.subarray(MAGIC.length));
  const { apiVersion = "", kind = "" } = (envelope["typeMeta"] ?? {}) as { apiVersion?: string; kind?: string };
  const message = kind === "DeleteOptions" ? MESSAGES["/DeleteOptions"] : MESSAGES[`${apiVersion}/${kind}`];
  if (message === undefined) {
    throw unsupportedMediaType(`${apiVersion} ${kind} is read as application/json and application/yaml only`);
  }
  return { apiVersion, kind, ...decode(message, Buffer.from(String(envelope["raw"] ?? ""), "base64")) };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw badRequest("protobuf: a number is cut short");
  }

  bytes(length = this.varint()): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw badRequest("protobuf: a field is cut short");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

const FIXED_LENGTHS: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

function decode(message: Message, bytes: Buffer): JsonObject {
  const out: JsonObject = {};
  const reader = new Reader(bytes);
  while (!reader.isDone) {
    const tag = reader.varint();
    const wire = tag & 7;
    const value = wire === 0 ? reader.varint() : reader.bytes(FIXED_LENGTHS[wire]);
    const field = message[tag >>> 3];
    if (field !== undefined) assign(out, field, value);
  }
  return out;
}

function assign(out: JsonObject, field: Field, value: number | Buffer): void {
  const { name, shape } = field;
  if (shape === "list") {
    const list = Array.isArray(out[name]) ? out[name] : [];
    out[name] = [...list, decodeValue(field.type, value)];
  } else if (shape === "map" && typeof value !== "number") {
    const pair = decode({ 1: { name: "key", type: "string" }, 2: { name: "value", type: field.type } }, value);
    const empty = field.type === "string" || field.type === "bytes" ? "" : undefined;
    out[name] = { ...(out[name] as JsonObject | undefined), [String(pair["key"] ?? "")]: pair["value"] ?? empty };
  } else {
    const decoded = decodeValue(field.type, value);
    // Go writes unset strings and times too; JSON leaves them out.
    if (decoded !== "" && decoded !== undefined) out[name] = decoded;
  }
}

function decodeValue(type: Field["type"], value: number | Buffer): unknown {
  if (typeof value === "number") return type === "bool" ? value !== 0 : value;
  if (type === "string") return value.toString();
  if (type === "bytes") return value.toString("base64");
  if (type === "time") {
    const { seconds } = decode({ 1: { name: "seconds", type: "int" } }, value) as { seconds?: number };
    return seconds === undefined ? undefined : secondsTime(seconds * 1000);
  }
  return typeof type === "object" ? decode(type, value) : undefined;
}

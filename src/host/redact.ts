/**
 * Keeps secrets out of logs, whatever a caller passes: by the name of a field, and by the shape of a bearer token
 * inside texts (errors of HTTP libraries quote headers). Errors become plain fields. Depth and length are bounded.
 */
const SECRET_NAME =
  /^(authorization|cookie|secret|credentials?)$|(password|passphrase|token|accesskey|accesskeyid|privatekey|clientsecret|clientcertificate)$/i;
const BEARER = /\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/g;
const MAX_DEPTH = 6;
const MAX_TEXT = 8_192;
const MAX_ITEMS = 100;

export const REDACTED = "[redacted]";

/** A copy of `fields` fit for a log. */
export function redacted(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, SECRET_NAME.test(name) ? REDACTED : plain(value, MAX_DEPTH)]),
  );
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === "string") return text(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "[deeper]";
  if (value instanceof Error) return plainError(value, depth);
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => plain(item, depth - 1));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return plain(Object.fromEntries(value), depth);
  if (value instanceof Set) return plain([...value], depth);
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, inner]) => [name, SECRET_NAME.test(name) ? REDACTED : plain(inner, depth - 1)]),
  );
}

function plainError(error: Error, depth: number): Record<string, unknown> {
  const code = "code" in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: plain(error.cause, depth - 1) };
  return { type: error.name, message: text(error.message), ...code, stack: text(error.stack ?? ""), ...cause };
}

function text(value: string): string {
  const short = value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}...` : value;
  return short.replace(BEARER, `$1 ${REDACTED}`);
}

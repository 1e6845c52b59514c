/** IPv4 addresses and CIDR blocks as numbers. Pure; text that is no IPv4 address or block gives `undefined`. */

/** The address as an unsigned 32-bit number. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** First and last address of a block; bits beyond the prefix length are ignored. */
export interface Ipv4Block {
  readonly first: number;
  readonly last: number;
  /** 0-32 */
  readonly prefixLength: number;
}

export function parseCidr(text: string): Ipv4Block | undefined {
  const [addressText, lengthText, ...rest] = text.split("/");
  const address = parseIpv4(addressText ?? "");
  if (address === undefined || rest.length > 0 || !/^([0-9]|[12][0-9]|3[0-2])$/.test(lengthText ?? ""))
    return undefined;
  const prefixLength = Number(lengthText);
  const size = 2 ** (32 - prefixLength);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefixLength };
}

/** Whether `inner` lies wholly inside `outer`; false when either cannot be read. */
export function cidrContains(outer: string, inner: string): boolean {
  const outerBlock = parseCidr(outer);
  const innerBlock = parseCidr(inner.includes("/") ? inner : `${inner}/32`);
  if (outerBlock === undefined || innerBlock === undefined) return false;
  return outerBlock.first <= innerBlock.first && innerBlock.last <= outerBlock.last;
}

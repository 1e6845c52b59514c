/**
 * What guards say to each other in one UDP datagram, as bytes and back.
 *
 *   "USP1" | kind u8 | sender, its session, receiver, its session (u16 length + UTF-8 each)
 *          | sequence u48 | last sequence seen u48 | held u32 | sent u48 | payload (u16 length + UTF-8) | Ed25519 signature, 64 bytes
 *
 * The signature covers everything before it. Pure; bytes that are not exactly one datagram of this form give `undefined`.
 */
export interface PeerMessage {
  readonly kind: "heartbeat" | "promise";
  readonly sender: string;
  readonly senderSession: string;
  readonly receiver: string;
  /** The receiver's session as the sender knows it: a receiver that was restarted since knows it for a replay. */
  readonly receiverSession: string;
  /** Rises by one with every datagram from this sender's life to this receiver; 1 to 2^48-1. */
  readonly sequence: number;
  /** Highest sequence the sender had from the receiver; 0 for none. */
  readonly lastSeen: number;
  /** Milliseconds the sender had `lastSeen` before it sent this; for the round-trip time only. */
  readonly heldMs: number;
  /** The sender's monotonic clock when it sent this, in whole milliseconds; only differences of one sender mean anything. */
  readonly sentMs: number;
  /** JSON of a promise message; empty in a heartbeat. */
  readonly payload: string;
}

export interface Decoded {
  readonly message: PeerMessage;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Fits one Ethernet frame with room for tunnels. */
export const MAX_DATAGRAM_BYTES = 1_400;
export const SIGNATURE_BYTES = 64;
const MAGIC = Buffer.from("USP1");
const KINDS = ["heartbeat", "promise"] as const;
const MAX_SEQUENCE = 2 ** 48 - 1;
const MAX_HELD_MS = 2 ** 32 - 1;
/** Magic, kind, five lengths, two sequences, held, sent. */
const FIXED_BYTES = 4 + 1 + 5 * 2 + 6 + 6 + 4 + 6;

/** The bytes to sign. Throws `RangeError` when they would not fit a datagram. */
export function encode(message: PeerMessage): Uint8Array {
  const texts = [message.sender, message.senderSession, message.receiver, message.receiverSession].map((text) =>
    Buffer.from(text),
  );
  const payload = Buffer.from(message.payload);
  const size = FIXED_BYTES + payload.length + texts.reduce((total, text) => total + text.length, 0);
  if (size + SIGNATURE_BYTES > MAX_DATAGRAM_BYTES) throw new RangeError(`a datagram of ${size} bytes is too long`);
  if (message.sequence > MAX_SEQUENCE || message.lastSeen > MAX_SEQUENCE) throw new RangeError("sequence exhausted");
  const bytes = Buffer.alloc(size);
  let at = MAGIC.copy(bytes);
  at = bytes.writeUInt8(KINDS.indexOf(message.kind), at);
  for (const text of texts) at = writeText(bytes, text, at);
  at = bytes.writeUIntBE(message.sequence, at, 6);
  at = bytes.writeUIntBE(message.lastSeen, at, 6);
  at = bytes.writeUInt32BE(Math.min(MAX_HELD_MS, Math.max(0, Math.round(message.heldMs))), at);
  at = bytes.writeUIntBE(Math.floor(message.sentMs), at, 6);
  writeText(bytes, payload, at);
  return bytes;
}

export function withSignature(signed: Uint8Array, signature: Uint8Array): Uint8Array {
  return Buffer.concat([signed, signature]);
}

/** Undefined for anything but one well-formed datagram; the signature is not checked here. */
export function decode(datagram: Uint8Array): Decoded | undefined {
  if (datagram.length < FIXED_BYTES + SIGNATURE_BYTES || datagram.length > MAX_DATAGRAM_BYTES) return undefined;
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const signed = bytes.subarray(0, -SIGNATURE_BYTES);
  const kind = KINDS[signed.readUInt8(4)];
  if (!signed.subarray(0, 4).equals(MAGIC) || kind === undefined) return undefined;
  const reader = new Reader(signed, 5);
  const [sender, senderSession, receiver, receiverSession] = [
    reader.text(),
    reader.text(),
    reader.text(),
    reader.text(),
  ];
  const sequence = reader.number(6);
  const lastSeen = reader.number(6);
  const heldMs = reader.number(4);
  const sentMs = reader.number(6);
  const payload = reader.text();
  if (!reader.isWholly() || sequence < 1 || sender === "" || senderSession === "") return undefined;
  const message = {
    kind,
    sender,
    senderSession,
    receiver,
    receiverSession,
    sequence,
    lastSeen,
    heldMs,
    sentMs,
    payload,
  };
  return { message, signed, signature: bytes.subarray(-SIGNATURE_BYTES) };
}

function writeText(bytes: Buffer, text: Buffer, at: number): number {
  const start = bytes.writeUInt16BE(text.length, at);
  return start + text.copy(bytes, start);
}

/** Reads on; once something does not fit, everything reads as empty and `isWholly` says so. */
class Reader {
  readonly #bytes: Buffer;
  #at: number;
  #isShort = false;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  number(size: number): number {
    if (!this.#has(size)) return 0;
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  text(): string {
    const size = this.number(2);
    if (!this.#has(size)) return "";
    const text = this.#bytes.toString("utf8", this.#at, this.#at + size);
    this.#at += size;
    return text;
  }

  isWholly(): boolean {
    return !this.#isShort && this.#at === this.#bytes.length;
  }

  #has(size: number): boolean {
    if (this.#at + size > this.#bytes.length) this.#isShort = true;
    return !this.#isShort;
  }
}

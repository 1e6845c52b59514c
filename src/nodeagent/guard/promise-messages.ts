/** What guards say to each other about promises, as the payload of an authenticated datagram and back. Pure. */

/** One group under one epoch. */
export interface GroupEpoch {
  readonly groupUid: string;
  readonly epoch: number;
}

export type PromiseMessage =
  /** I am alive under these epochs: do not activate these groups for rho*L + M from your answer. */
  | {
      readonly type: "ask";
      /** Of this round: an answer counts for no other. */
      readonly nonce: string;
      readonly session: string;
      readonly sessionDurationMs: number;
      readonly marginMs: number;
      readonly groups: readonly GroupEpoch[];
    }
  /** I will not: for these groups of that ask, recorded before this was sent. */
  | { readonly type: "promise"; readonly nonce: string; readonly groupUids: readonly string[] }
  /** These are down here and will never be active here again under these epochs. */
  | { readonly type: "down"; readonly session: string; readonly groups: readonly GroupEpoch[] };

/** So many groups fit into one datagram with room for long names. */
export const GROUPS_PER_MESSAGE = 12;

export function promiseText(message: PromiseMessage): string {
  switch (message.type) {
    case "ask": {
      const { nonce, session, sessionDurationMs, marginMs, groups } = message;
      return JSON.stringify({ t: "ask", n: nonce, s: session, l: sessionDurationMs, m: marginMs, g: pairs(groups) });
    }
    case "promise":
      return JSON.stringify({ t: "promise", n: message.nonce, g: message.groupUids });
    case "down":
      return JSON.stringify({ t: "down", s: message.session, g: pairs(message.groups) });
  }
}

/** Undefined for anything but one well-formed message. */
export function parsePromiseMessage(text: string): PromiseMessage | undefined {
  const value = parsed(text);
  if (typeof value !== "object" || value === null) return undefined;
  const { t, n, s, l, m, g } = value as Record<string, unknown>;
  if (!Array.isArray(g) || g.length > GROUPS_PER_MESSAGE) return undefined;
  if (t === "promise") {
    if (typeof n !== "string" || !g.every((uid) => typeof uid === "string")) return undefined;
    return { type: "promise", nonce: n, groupUids: g };
  }
  const groups = g.map(groupEpoch).filter((group) => group !== undefined);
  if (groups.length !== g.length || typeof s !== "string") return undefined;
  if (t === "down") return { type: "down", session: s, groups };
  if (t !== "ask" || typeof n !== "string" || !isDuration(l) || !isDuration(m)) return undefined;
  return { type: "ask", nonce: n, session: s, sessionDurationMs: l, marginMs: m, groups };
}

/** A day: longer than any session, and no number that a hostile peer could block a group with for ever. */
const MAX_DURATION_MS = 86_400_000;

function isDuration(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= MAX_DURATION_MS;
}

function pairs(groups: readonly GroupEpoch[]): [string, number][] {
  return groups.map(({ groupUid, epoch }) => [groupUid, epoch]);
}

function groupEpoch(pair: unknown): GroupEpoch | undefined {
  if (!Array.isArray(pair)) return undefined;
  const [groupUid, epoch] = pair as unknown[];
  if (typeof groupUid !== "string" || typeof epoch !== "number" || !Number.isSafeInteger(epoch)) return undefined;
  return { groupUid, epoch };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // counted by the caller as no message
  }
}

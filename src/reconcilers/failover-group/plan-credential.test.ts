import { describe, expect, it } from "vitest";
import { credentialOf } from "./plan-credential.ts";
import { newDraft } from "./draft.ts";
import { IDLE } from "./fencing-view.ts";
import type { Condition, FailoverGroup } from "./types.ts";
import type { MemberSeen, Seen } from "./seen.ts";
import { presetTimings } from "../../api/timings.ts";

const NOW_MS = Date.UTC(2026, 4, 1);
const DAY_MS = 86_400_000;

function draftWith(
  certificateEndsAtMs: number | undefined,
  before: readonly Condition[] = [],
): ReturnType<typeof newDraft> {
  const member: MemberSeen = {
    node: "node1",
    session: { node: "node1", verdict: { state: "Unknown", reason: "NotRead" } },
    isSessionReadAfterGroup: false,
    providerIds: [],
    sharedWith: [],
    fence: IDLE,
    isBooted: false,
    fenceCheck: { result: "Passed", ...(certificateEndsAtMs === undefined ? {} : { certificateEndsAtMs }) },
  };
  const group = { metadata: { name: "g" }, spec: {}, status: { conditions: before } } as unknown as FailoverGroup;
  const memory = { promotableSinceMs: {}, repairedAtMs: {} } as unknown as Seen["memory"];
  const settings = { timings: presetTimings("fast"), isRecoveryPaused: false };
  const seen: Seen = { group, members: [member], resources: [], agentNodes: [], memory, settings };
  return newDraft(seen, { monotonicMs: 0, wallMs: NOW_MS });
}

describe("CredentialValid", () => {
  it("is absent without a certificate", () => {
    expect(credentialOf(draftWith(undefined))).toEqual([]);
  });

  it.each([
    [60, "True", "Valid", 0],
    [30, "False", "ExpiresSoon", 1],
    [7, "False", "ExpiresSoon", 1],
    [0.5, "False", "ExpiresSoon", 1],
    [-1, "False", "Expired", 1],
  ])("with %s days left is %s (%s), with %i Events", (days, status, reason, events) => {
    const draft = draftWith(NOW_MS + days * DAY_MS);
    expect(credentialOf(draft)).toMatchObject([{ type: "CredentialValid", status, reason }]);
    expect(draft.after).toHaveLength(events);
  });

  it("tells again only when a further limit is reached", () => {
    const [first] = credentialOf(draftWith(NOW_MS + 29 * DAY_MS));
    const before = [{ ...first, lastTransitionTime: "" }] as unknown as Condition[];
    const same = draftWith(NOW_MS + 29 * DAY_MS, before);
    credentialOf(same);
    expect(same.after).toEqual([]);
  });
});

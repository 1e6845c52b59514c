/**
 * The rules that can be broken by name (`--break RULE`): the safety rule that each name switches off, and the theme whose
 * worlds come close to it. Half of the lives of such a search follow that theme, so that it does not take long.
 */
import type { SafetyRules } from "../../src/lib/safety-rules.ts";
import { type Rule, rulesWithout } from "../fakes/broken-rules.ts";

interface Breakable {
  readonly rule: Rule;
  readonly theme: string;
}

export const BREAKABLE = {
  "no-revoke": { rule: "revokesBeforeGrant", theme: "unseen-promise" },
  "count-from-reply": { rule: "countsFromSend", theme: "slow-answers" },
  "ignore-promise": { rule: "promiseBlocksActivation", theme: "unseen-promise" },
  "forget-promise-on-restart": { rule: "promisesOutliveTheGuard", theme: "promise-and-restart" },
  "ignore-epoch": { rule: "epochsOnlyRise", theme: "leader-of-yesterday" },
  "no-recheck-after-await": { rule: "recheckAfterAwait", theme: "leader-stops-in-a-move" },
  "trust-stopping": { rule: "onlyOffIsProof", theme: "fenced-sleeper" },
  "majority-is-permission": { rule: "allMustPromise", theme: "heard-by-one" },
  "promise-without-rho": { rule: "promiseBindsWithRho", theme: "promise-to-a-sleeper" },
  "resume-session": { rule: "lifeIsSession", theme: "late-report" },
  "no-seal": { rule: "sealsBeforeGrant", theme: "shrunk-behind-the-grant" },
  "grow-under-promise": { rule: "growthRestsOnSession", theme: "grown-alone" },
  "pet-in-loop": { rule: "onlySuccessPets", theme: "last-pet" },
  "expiry-proves-force": { rule: "expiryIsNoProofForForce", theme: "forced-past-a-copy" },
  "read-resolves-change": { rule: "onlyWritesResolveChanges", theme: "late-growth" },
  "record-without-cas": { rule: "recordsByCompareAndSet", theme: "late-record" },
  "revive-lapsed-right": { rule: "promisesProlongUnbrokenRight", theme: "lapsed-asleep" },
  "hearing-is-veto": { rule: "onlyPromisesVeto", theme: "heard-by-one" },
  "count-across-gap": { rule: "gapsRestartTheCount", theme: "sessions-unreadable" },
} as const satisfies Readonly<Record<string, Breakable>>;

export type RuleName = keyof typeof BREAKABLE;

export const RULE_NAMES = Object.keys(BREAKABLE) as readonly RuleName[];

export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(BREAKABLE, name);
}

export function rulesBreaking(name: RuleName): SafetyRules {
  return rulesWithout(BREAKABLE[name].rule);
}

/** The theme of a life in the search for what breaks without this rule; undefined: the seed draws it. */
export function themeFor(name: RuleName, seed: number): string | undefined {
  return seed % 2 === 0 ? BREAKABLE[name].theme : undefined;
}

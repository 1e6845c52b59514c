/**
 * Preflight of a pointer: what must hold before it can work, for every member, checked before it is needed. Each check
 * is one fact; it returns what is wrong, in words with a remedy (API.md section 5), or nothing. Pure.
 * Here stands what all kinds share; each adds its own (`PointerKind.checks`).
 */
import type { ResourceKind } from "../../api/kinds.ts";
import { isAnswer } from "../../cloud/errors.ts";
import { nameOf } from "../shared/claims.ts";
import type { Check, Finding, PointerKind } from "./kind.ts";
import type { Failure, Reading } from "./reading.ts";
import { groupOf } from "./seen.ts";
import type { PointerObject, PointerSeen } from "./seen.ts";

export type Preflight =
  | { readonly status: "True"; readonly reason: "Passed"; readonly message: string }
  | { readonly status: "False"; readonly reason: string; readonly message: string }
  | { readonly status: "Unknown"; readonly reason: "NotChecked" | "Unreadable"; readonly message: string };

type AnySeen = PointerSeen<PointerObject, unknown>;

/** In the order in which their findings are reported; the first gives the reason. */
const GENERAL_CHECKS: readonly ((seen: AnySeen, kind: ResourceKind) => readonly Finding[])[] = [
  everyFieldIsImplemented,
  nothingElsePointsThere,
  everyOverrideIsOfAMember,
  credentialsAreThere,
];

export function preflight<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
): Preflight {
  if (seen.claim.type === "None" || seen.claim.type === "GroupDeleted") {
    const message = `no FailoverGroup lists ${kind.kind} ${nameOf(seen.object)}`;
    return { status: "Unknown", reason: "NotChecked", message };
  }
  const { monitored, facts, dryRuns } = kind.readings(seen.facts);
  const findings = [
    ...GENERAL_CHECKS.flatMap((check) => check(seen, kind.kind)),
    ...callsAreAllowed(failuresOf([...facts, ...monitored]), kind.wording.ambient),
    ...kind.checks.flatMap((check) => check(seen)),
  ];
  const [first] = findings;
  if (first !== undefined) {
    return { status: "False", reason: first.reason, message: findings.map((finding) => finding.message).join("; ") };
  }
  const unread = seen.credentials.ok ? failuresOf([...facts, ...monitored, ...dryRuns])[0] : seen.credentials;
  if (unread !== undefined) return { status: "Unknown", reason: "Unreadable", message: unread.message };
  const nodes = seen.members.map((member) => member.node).join(", ");
  const passed = kind.wording.passed(seen.object);
  return {
    status: "True",
    reason: "Passed",
    message: `checked for ${nodes}${passed === undefined ? "" : `. ${passed}`}`,
  };
}

function everyFieldIsImplemented(seen: AnySeen, kind: ResourceKind): Finding[] {
  return seen.notImplemented.map((what) => ({
    reason: "NotImplemented",
    message: `${kind} ${nameOf(seen.object)}: ${what} is not carried out by this version`,
  }));
}

function nothingElsePointsThere(seen: AnySeen): Finding[] {
  return seen.claim.type === "HeldElsewhere" ? [{ reason: "ClaimedElsewhere", message: seen.claim.message }] : [];
}

function everyOverrideIsOfAMember(seen: AnySeen, kind: ResourceKind): Finding[] {
  const group = groupOf(seen);
  const nodes = seen.members.map((member) => member.node);
  return (seen.object.spec.members ?? [])
    .filter((override) => !nodes.includes(override.node))
    .map((override) => ({
      reason: "UnknownMember",
      message: `${kind} ${nameOf(seen.object)}: spec.members names ${override.node}, which is not a member of group ${group?.metadata.name ?? ""} (${nodes.join(", ")})`,
    }));
}

function credentialsAreThere(seen: AnySeen): Finding[] {
  const { credentials } = seen;
  return credentials.ok || credentials.reason === "Unreadable"
    ? []
    : [{ reason: credentials.reason, message: credentials.message }];
}

/** One finding per reason: with wrong credentials every call says the same. What does not exist is said by the kinds. */
function callsAreAllowed(failures: readonly Failure[], ambient: string | undefined): Finding[] {
  const refused = failures.filter((failure) => isAnswer(failure.code) && failure.code !== "NotFound");
  const byCode = new Map(refused.toReversed().map((failure) => [failure.code, failure]));
  return [...byCode.values()].map((failure) => refusal(failure, ambient));
}

function refusal(failure: Failure, ambient: string | undefined): Finding {
  const remedy: Readonly<Record<string, string>> = {
    CredentialsRejected: "Check spec.credentials, or the controller's ambient identity",
    CredentialsMissing: `Give spec.credentials, or the controller an identity of its own${ambient === undefined ? "" : `: ${ambient}`}`,
    NotAuthorized: "Allow the action in the policy of this identity",
  };
  const advice = remedy[failure.code];
  return { reason: failure.code, message: advice === undefined ? failure.message : `${failure.message}. ${advice}` };
}

/** For checks of members: the Node of every member exists. */
export const everyMemberHasANode: Check<AnySeen> = (seen) =>
  seen.members
    .filter((member) => !member.isNodeKnown)
    .map(({ node }) => ({
      reason: "UnknownMember",
      message: `member ${node}: no such Node; nothing can be checked for it`,
    }));

/** For checks of dry runs: the refusals, those of one reason in one finding that ends with `remedy` of their targets. */
export function refusedDryRuns(
  dryRuns: readonly { readonly target: string; readonly reading: Reading<unknown> }[],
  remedy: (targets: string) => string,
): Finding[] {
  const failures = dryRuns.flatMap(({ reading, target }) =>
    reading.ok || !isAnswer(reading.failure.code) ? [] : [{ ...reading.failure, target }],
  );
  const byCode = Map.groupBy(failures, (failure) => failure.code);
  return [...byCode].map(([code, same]) => {
    const targets = same.map((failure) => failure.target).join(", ");
    const advice = code === "NotAuthorized" ? `. ${remedy(targets)}` : ` (${targets})`;
    return { reason: code, message: `${same[0]?.message ?? code}${advice}` };
  });
}

function failuresOf(readings: readonly Reading<unknown>[]): Failure[] {
  return readings.flatMap((reading) => (reading.ok ? [] : [reading.failure]));
}

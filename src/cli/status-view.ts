/**
 * What `understudy status` prints for a group: where it is, who could take it over, what is wrong and what to do,
 * and where the seconds of the last move went. Pure: object and wall clock in, lines out.
 */
import type { CallTime, Condition, FailoverGroup, Move, MoveSteps } from "../api/generated/types.ts";
import { isKindName, type KindName, type ResourceKind } from "../api/kinds.ts";
import { reasonWithCodes } from "../api/reasons.ts";
import { formatDuration } from "../lib/duration.ts";
import { renderTable } from "./table.ts";

const STEP_ORDER = [
  "detect",
  "fence",
  "revoke",
  "seal",
  "grant",
  "activate",
  "verify",
] as const satisfies readonly (keyof MoveSteps)[];

/** Conditions that are bad news when True; for the others False is. */
const BAD_WHEN_TRUE: readonly string[] = ["Stalled", "Paused"];
/** Conditions that only explain what another one already says. */
const SILENT: readonly string[] = ["Reconciling"];

/** An object that a group lists, as far as its own words are worth repeating. */
export interface ResourceObject {
  readonly kind: ResourceKind;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly timeouts?: { readonly call?: string } };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly callTime?: CallTime };
}

/** `objects`: those of the group that could be read. */
export function renderGroup(group: FailoverGroup, wallMs: number, objects: readonly ResourceObject[] = []): string[] {
  const { status } = group;
  const lines = [headline(group, wallMs)];
  const { hold, operation, target } = status ?? {};
  if (hold !== undefined)
    lines.push(`  held       ${hold.reason}: ${hold.message ?? ""} (understudy.dev/start ends it)`);
  if (target !== undefined) lines.push(`  moving     to ${target.node} (${target.cause})`);
  if (operation !== undefined) lines.push(`  operation  ${operation.verb} ${operation.value}`);
  lines.push(...problems("FailoverGroup", status?.conditions ?? []).map((problem) => `  ! ${problem}`));
  lines.push(...objects.flatMap(objectProblems).map((problem) => `  ! ${problem}`));
  lines.push("", ...memberLines(group), "", ...resourceLines(group, objects));
  const [newest] = status?.history ?? [];
  const move = status?.history?.find((entry) => entry.to !== undefined);
  if (newest !== undefined) lines.push("");
  if (newest !== undefined && newest !== move) lines.push(...requestLines(newest, wallMs));
  if (move !== undefined) lines.push(...moveLines(move, wallMs));
  return lines;
}

function headline(group: FailoverGroup, wallMs: number): string {
  const { status, metadata } = group;
  const name = `${metadata.namespace ?? "default"}/${metadata.name}`;
  const ready = status?.conditions?.find((condition) => condition.type === "Ready");
  const readiness = ready === undefined ? "not yet reconciled" : `Ready=${ready.status} (${ready.reason})`;
  const { active } = status ?? {};
  const place =
    active === undefined
      ? "on no member"
      : `on ${active.node}, epoch ${active.epoch}, for ${age(active.since, wallMs)}`;
  return `${name}  ${status?.phase ?? "Unknown"} ${place}  ${readiness}`;
}

/** What a person should read, worst first: condition, reason and message with its remedy. */
function problems(kind: KindName, conditions: readonly Condition[]): string[] {
  return conditions
    .filter(
      ({ type, status }) =>
        !SILENT.includes(type) && (BAD_WHEN_TRUE.includes(type) ? status === "True" : status !== "True"),
    )
    .map(({ type, status, reason, message }) => {
      const named = reasonWithCodes(kind, type, reason, status);
      return `${type}: ${named}${message === "" ? "" : `. ${message}`}`;
    });
}

/** What an object says itself; while it is not up, the group says why. */
const QUIET: readonly string[] = ["Inactive", "NotInGroup", "Activating", "Deactivating"];

function objectProblems({ kind, metadata, status }: ResourceObject): string[] {
  const own = (status?.conditions ?? []).filter(({ type, reason }) => type !== "Ready" || !QUIET.includes(reason));
  return problems(kind, own).map((problem) => `${metadata.name}: ${problem}`);
}

function memberLines(group: FailoverGroup): string[] {
  const verdicts = new Map((group.status?.members ?? []).map((member) => [member.node, member]));
  const rows = group.spec.members.map(({ node }) => {
    const verdict = verdicts.get(node);
    const why = [verdict?.reason, verdict?.message].filter((text) => text !== undefined && text !== "").join(": ");
    return [node, verdict?.state ?? "Unknown", `session ${verdict?.session ?? "Unknown"}`, why];
  });
  return renderTable(
    [
      ["MEMBER", "STATE", "SESSION", "WHY"],
      ...rows.map(([node = "", state = "", session = "", why = ""]) => [
        node,
        state,
        session.replace("session ", ""),
        why,
      ]),
    ],
    "  ",
  );
}

function resourceLines(group: FailoverGroup, objects: readonly ResourceObject[]): string[] {
  const states = new Map((group.status?.resources ?? []).map((resource) => [resource.name, resource]));
  const rows = group.spec.resources.map((resource) => {
    const name = resource.name;
    const state = states.get(name);
    const object = objects.find(({ kind, metadata }) => kind === resource.kind && metadata.name === name);
    return [
      name,
      resource.kind ?? "exec",
      state?.state ?? "Unknown",
      state?.reason === undefined ? "" : codedReason(resource.kind, state.reason),
      String(state?.reactivations ?? 0),
      callTimeOf(object),
    ];
  });
  const hasCalls = rows.some((row) => row.at(-1) !== "");
  const table = [["RESOURCE", "KIND", "STATE", "REASON", "REPAIRS", "CALL P99"], ...rows];
  return renderTable(hasCalls ? table : table.map((row) => row.slice(0, -1)), "  ");
}

function codedReason(kind: string | undefined, reason: string): string {
  return kind !== undefined && isKindName(kind) ? reasonWithCodes(kind, "Ready", reason, "False") : reason;
}

/** The measured time beside what is allowed: a timeout below it is the most common fault of all. */
function callTimeOf(object: ResourceObject | undefined): string {
  const { p99 } = object?.status?.callTime ?? {};
  return p99 === undefined ? "" : `${p99} of ${object?.spec?.timeouts?.call ?? "?"}`;
}

/** An operation that moved nothing, such as a pause or what was refused; it must not hide the last move. */
function requestLines(entry: Move, wallMs: number): string[] {
  const by = entry.requestedBy === undefined ? "" : `, asked by ${entry.requestedBy}`;
  const when = entry.finishedAt === undefined ? "under way" : `${age(entry.finishedAt, wallMs)} ago`;
  return [`  last request  ${entry.message ?? entry.cause} (${entry.result ?? "under way"} ${when}${by})`];
}

function moveLines(move: Move, wallMs: number): string[] {
  const ended =
    move.finishedAt === undefined ? "under way" : `${move.result ?? "ended"} ${age(move.finishedAt, wallMs)} ago`;
  const took =
    move.finishedAt === undefined
      ? ""
      : ` in ${formatDuration(Math.max(0, Date.parse(move.finishedAt) - Date.parse(move.startedAt)))}`;
  const steps = STEP_ORDER.flatMap((step) => (move.steps?.[step] === undefined ? [] : [`${step} ${move.steps[step]}`]));
  const lines = [`  last move  ${move.from ?? "nobody"} -> ${move.to ?? "nobody"} (${move.cause}), ${ended}${took}`];
  if (steps.length > 0) lines.push(`             ${steps.join(", ")}`);
  if (move.message !== undefined && move.message !== "") lines.push(`             ${move.message}`);
  return lines;
}

/** Time since an RFC 3339 instant, in the two largest units; `?` for what is not one. */
function age(since: string, wallMs: number): string {
  const passedMs = wallMs - Date.parse(since);
  if (!Number.isFinite(passedMs)) return "?";
  const seconds = Math.max(0, Math.floor(passedMs / 1_000));
  if (seconds >= 3_600) return formatDuration(Math.floor(seconds / 60) * 60_000);
  return formatDuration(seconds * 1_000);
}

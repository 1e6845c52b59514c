/**
 * How far a requested move is, judged from the group alone. Pure, so that the command's waiting can be tested without
 * a cluster.
 */
import { operationAnnotation } from "../api/kinds.ts";
import type { FailoverGroup, Move } from "../api/generated/types.ts";

export type MoveProgress =
  | { readonly state: "waiting"; readonly what: string }
  | { readonly state: "done"; readonly node: string; readonly move?: Move }
  | { readonly state: "refused" | "failed"; readonly why: string };

/** `before` is the group as read when the annotation was written; `target` a node or `any`. */
export function moveProgress(before: FailoverGroup, now: FailoverGroup, target: string): MoveProgress {
  if (now.metadata.annotations?.[operationAnnotation("move-to")] !== undefined)
    return { state: "waiting", what: "the controller has not taken the request yet" };
  if (now.status?.operation?.verb === "move-to") return { state: "waiting", what: now.status.phase ?? "moving" };
  const known = new Set((before.status?.history ?? []).map(identityOf));
  const move = (now.status?.history ?? []).find(
    (entry) => !known.has(identityOf(entry)) && entry.cause === "Requested",
  );
  if (move?.result === "Refused") return { state: "refused", why: move.message ?? "no reason given" };
  if (move?.result === "Failed") return { state: "failed", why: move.message ?? "no reason given" };
  const { active } = now.status ?? {};
  const isThere =
    active !== undefined && (target === "any" ? active.node !== before.status?.active?.node : active.node === target);
  const isReady = now.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  if (isThere && isReady && now.status?.target === undefined)
    return { state: "done", node: active.node, ...(move === undefined ? {} : { move }) };
  return { state: "waiting", what: now.status?.phase ?? "Unknown" };
}

function identityOf(move: Move): string {
  return `${move.epoch} ${move.startedAt} ${move.cause} ${move.result === "Refused" ? "refused" : ""}`;
}

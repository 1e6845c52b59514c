/**
 * Processes that end without having been killed: a broken invariant crashes a process, and nobody outside would notice,
 * since it is started again. Pure.
 */
import type { Chapter, PlannedFault } from "./faults.ts";
import type { Cast } from "./stage.ts";

export class Endings {
  #allowed: string[] = [];
  #allowedBefore: string[] = [];
  readonly #unexpected: string[] = [];

  /**
   * From now on each of these may end once per time that it is named. What was allowed before and did not happen is
   * still allowed, since some take a moment; what was allowed before that is not.
   */
  expect(names: readonly string[]): void {
    this.#allowedBefore = this.#allowed;
    this.#allowed = [...names];
  }

  ended(name: string, how: string): void {
    if (!useUp(this.#allowed, name) && !useUp(this.#allowedBefore, name)) {
      this.#unexpected.push(`${name} ended by itself: ${how}`);
    }
  }

  /** Sentences about what ended unexpectedly since the last call. */
  take(): string[] {
    return this.#unexpected.splice(0);
  }
}

function useUp(allowed: string[], name: string): boolean {
  const index = allowed.indexOf(name);
  if (index >= 0) allowed.splice(index, 1);
  return index >= 0;
}

/** Who may end because of a chapter, once per time that it is named. */
export function mayEnd(chapter: Pick<Chapter, "faults">, cast: Cast): string[] {
  return chapter.faults.flatMap((fault) => victimsOf(fault, cast));
}

function victimsOf(fault: PlannedFault, cast: Cast): readonly string[] {
  const { leader, otherController } = cast;
  switch (fault.kind) {
    case "api-kill":
      // A leader that could not renew ends; its right is over.
      return ["apiserver", leader, otherController];
    case "api-freeze":
    case "controllers-kill":
      return [leader, otherController];
    case "leader-kill":
    case "leader-freeze":
      return [leader];
    case "controller-kill":
      return [otherController];
    case "guard-kill":
      return fault.victim === "active" || fault.victim === "standby" ? [agentOf(cast[fault.victim])] : [];
    default:
      return [];
  }
}

/** How endings name the agent of a machine. */
export function agentOf(node: string): string {
  return `agent of ${node}`;
}

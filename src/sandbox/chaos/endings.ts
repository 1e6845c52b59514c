/**
 * Processes that end without having been killed: a broken invariant crashes a process, and nobody outside would notice,
 * since it is started again. Pure.
 */
import type { Chapter, PlannedFault } from "./faults.ts";

export class Endings {
  #expected: ReadonlySet<string> = new Set();
  #expectedBefore: ReadonlySet<string> = new Set();
  readonly #unexpected: string[] = [];

  /** From now on these may end; so may those of the time before, since some take a moment. */
  expect(names: readonly string[]): void {
    this.#expectedBefore = this.#expected;
    this.#expected = new Set(names);
  }

  ended(name: string, how: string): void {
    if (this.#expected.has(name) || this.#expectedBefore.has(name)) return;
    this.#unexpected.push(`${name} ended by itself: ${how}`);
  }

  /** Sentences about what ended unexpectedly since the last call. */
  take(): string[] {
    return this.#unexpected.splice(0);
  }
}

/** Who may end because of a chapter. */
export function mayEnd(chapter: Pick<Chapter, "faults">, nodes: readonly string[]): string[] {
  return chapter.faults.flatMap((fault) => victimsOf(fault, nodes));
}

const CONTROLLERS = ["controller-1", "controller-2"] as const;

function victimsOf(fault: PlannedFault, nodes: readonly string[]): readonly string[] {
  switch (fault.victim) {
    case "api-server":
      // A leader that could not renew ends; its right is over.
      return fault.kind === "api-kill" ? ["apiserver", ...CONTROLLERS] : CONTROLLERS;
    case "controllers":
      return CONTROLLERS;
    case "active":
    case "standby":
      return fault.kind === "guard-kill" ? nodes.map(agentOf) : [];
    case "cloud":
      return [];
  }
}

/** How endings name the agent of a machine. */
export function agentOf(node: string): string {
  return `agent of ${node}`;
}

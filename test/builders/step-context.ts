/** What a part is given for a step, with the guard's book of holdings in memory. */
import type { Holding } from "../../src/nodeagent/guard-protocol.ts";
import type { StopContext } from "../../src/nodeagent/worker/local-part.ts";

export function stepContext() {
  const held: Holding[] = [];
  const guard = { allows: true };
  const abort = new AbortController();
  const context: StopContext = {
    signal: abort.signal,
    environment: {},
    budgetMs: 1_000,
    isUrgent: false,
    isCut: false,
    hold: (holding) => Promise.resolve(guard.allows && held.push(holding) > 0),
    released: (holding) => {
      const at = held.findIndex((other) => JSON.stringify(other) === JSON.stringify(holding));
      if (at >= 0) held.splice(at, 1);
    },
  };
  return { held, guard, abort, context };
}

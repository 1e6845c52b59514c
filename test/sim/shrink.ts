/** The faults that the violation of a seed needs: leaves them out one by one, as long as the same invariant breaks. */
import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";

/** Undefined: the seed violates nothing. */
export async function shrink(options: SeedOptions): Promise<SeedResult | undefined> {
  const whole = await runSeed(options);
  if (whole.violation === undefined) return undefined;
  const { invariant } = whole.violation;
  let kept = whole.faults.map((_, at) => at);
  for (const at of kept) {
    const fewer = kept.filter((other) => other !== at);
    const result = await runSeed({ ...options, onlyFaults: fewer });
    if (result.violation?.invariant === invariant) kept = fewer;
  }
  return await runSeed({ ...options, onlyFaults: kept, isTraced: true });
}

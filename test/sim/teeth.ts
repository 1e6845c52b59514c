/**
 * Whether the simulation would notice: one safety rule is switched off in the production code, and lives follow the theme
 * that comes close to it until an invariant breaks. A catch counts only if the same life violates nothing with the rule on.
 */
import type { Invariant } from "./checkers/invariants.ts";
import { RULE_NAMES, type RuleName, themeFor } from "./rules.ts";
import { runSeed } from "./run-seed.ts";

/** Lives within which every broken rule must be caught. */
export const SEARCH_SEEDS = 20_000;

export interface Catch {
  readonly rule: RuleName;
  readonly seed: number;
  readonly theme: string;
  /** Given, not drawn: the replay must name it. */
  readonly isThemeGiven: boolean;
  readonly invariant: Invariant;
  readonly message: string;
  /** Lives until then. */
  readonly seeds: number;
  readonly wallSeconds: number;
}

export interface SearchOptions {
  readonly seeds: number;
  readonly start: number;
}

/** Undefined: not caught. Throws when a life breaks an invariant with all rules on. */
export async function search(rule: RuleName, { seeds, start }: SearchOptions): Promise<Catch | undefined> {
  const began = performance.now();
  for (let seed = start; seed < start + seeds; seed++) {
    const given = themeFor(rule, seed);
    const life = { seed, ...(given === undefined ? {} : { theme: given }) };
    const { violation, theme } = await runSeed({ ...life, broken: rule });
    if (violation === undefined) continue;
    const sound = await runSeed(life);
    if (sound.violation !== undefined)
      throw new Error(`seed ${seed} (${theme}) violates ${sound.violation.invariant} with all rules on`);
    return {
      rule,
      seed,
      theme,
      isThemeGiven: given !== undefined,
      invariant: violation.invariant,
      message: violation.message,
      seeds: seed - start + 1,
      wallSeconds: (performance.now() - began) / 1_000,
    };
  }
  return undefined;
}

export function replayOf({ rule, seed, theme, isThemeGiven }: Catch): string {
  return `npm run sim -- --break ${rule} --seed ${seed}${isThemeGiven ? ` --theme ${theme}` : ""} --trace`;
}

/** Every rule in turn. `tell` gets each as soon as it is known; undefined: it was not caught. */
export async function searchAll(
  options: SearchOptions,
  tell: (rule: RuleName, found: Catch | undefined) => void,
): Promise<Catch[]> {
  const caught: Catch[] = [];
  for (const rule of RULE_NAMES) {
    const found = await search(rule, options);
    tell(rule, found);
    if (found !== undefined) caught.push(found);
  }
  return caught;
}

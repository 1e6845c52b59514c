/** Safety rules with some switched off: for tests and the simulator, where else nothing can make them. */
import { SafetyRules } from "../../src/lib/safety-rules.ts";

export type Rule = { [Name in keyof SafetyRules]: SafetyRules[Name] extends boolean ? Name : never }[keyof SafetyRules];

export function rulesWithout(...broken: readonly Rule[]): SafetyRules {
  const rules = new SafetyRules();
  for (const rule of broken) Object.defineProperty(rules, rule, { value: false });
  Object.freeze(rules);
  return rules;
}

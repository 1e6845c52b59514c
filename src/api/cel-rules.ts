/**
 * The rules of `x-kubernetes-validations`, compiled once and evaluated at every node of a value, as the API server
 * does: `self` is the value at the node, `oldSelf` the one it had before. A rule that uses `oldSelf` runs only
 * where an old value can be found: through objects by field, through list maps by key, never through other lists.
 *
 * Only the core language is offered (API.md section 0): what passes here means the same in a real API server.
 */
import { CelScalar, celEnv, isCelError, parse, plan, type CelInput } from "@bufbuild/cel";
import { messageOf } from "../lib/errors.ts";
import { describeValue, typeName, type Problem } from "./problem.ts";
import type { Schema, ValidationRule } from "./schema.ts";
import { additionalSchema, childPath, isJsonMap, listMapKey } from "./structural.ts";

interface Rule {
  readonly message: string;
  readonly isTransition: boolean;
  readonly evaluate: (self: CelInput, oldSelf: CelInput) => unknown;
}

/** The rules of one schema node and of the nodes below it; nodes without any are absent. */
export interface RuleNode {
  readonly schema: Schema;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly items: RuleNode | undefined;
  readonly additional: RuleNode | undefined;
}

const environment = celEnv({ variables: { self: CelScalar.DYN, oldSelf: CelScalar.DYN } });

function compileRule({ rule, message }: ValidationRule): Rule {
  const program = plan(environment, parse(rule));
  return {
    message,
    isTransition: /\boldSelf\b/.test(rule),
    evaluate: (self, oldSelf) => program({ self, oldSelf }),
  };
}

/** Undefined: no rule at this node or below. Throws when a rule does not parse. */
export function compileRules(schema: Schema): RuleNode | undefined {
  const properties = new Map<string, RuleNode>();
  for (const [name, sub] of Object.entries(schema.properties ?? {})) {
    const node = compileRules(sub);
    if (node !== undefined) properties.set(name, node);
  }
  const items = schema.items === undefined ? undefined : compileRules(schema.items);
  const additionalOf = additionalSchema(schema);
  const additional = additionalOf === undefined ? undefined : compileRules(additionalOf);
  const rules = (schema["x-kubernetes-validations"] ?? []).map(compileRule);
  if (rules.length === 0 && properties.size === 0 && items === undefined && additional === undefined) return undefined;
  return { schema, rules, properties, items, additional };
}

/** The value as CEL has it: integers are int, not double; objects are maps. */
function celInput(value: unknown, schema: Schema | undefined): CelInput {
  if (typeof value === "number") {
    return Number.isInteger(value) && schema?.type !== "number" ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => celInput(item, schema?.items));
  if (!isJsonMap(value)) return typeof value === "string" || typeof value === "boolean" ? value : null;
  const map = new Map<string, CelInput>();
  for (const [name, child] of Object.entries(value)) {
    const sub = schema?.properties?.[name] ?? (schema === undefined ? undefined : additionalSchema(schema));
    map.set(name, celInput(child, sub));
  }
  return map;
}

interface Walk {
  readonly problems: Problem[];
  /** Paths at which the schema has already found something wrong. */
  readonly brokenPaths: readonly string[];
}

/** Problems that the rules find in `value`; `old` undefined: there is no old object. */
export function evaluateRules(node: RuleNode, value: unknown, old: unknown, brokenPaths: readonly string[]): Problem[] {
  const walk: Walk = { problems: [], brokenPaths };
  visit(node, value, old, "", walk);
  return walk.problems;
}

function visit(node: RuleNode, value: unknown, old: unknown, path: string, walk: Walk): void {
  if (value === undefined || value === null) return;
  if (node.rules.length > 0) applyRules(node, value, old, path, walk);
  if (Array.isArray(value)) {
    if (node.items !== undefined) visitItems(node, node.items, value, old, path, walk);
    return;
  }
  if (!isJsonMap(value)) return;
  const oldMap = isJsonMap(old) ? old : {};
  for (const [name, child] of Object.entries(value)) {
    const sub =
      node.properties.get(name) ?? (node.schema.properties?.[name] === undefined ? node.additional : undefined);
    if (sub !== undefined) visit(sub, child, oldMap[name], childPath(path, name), walk);
  }
}

function visitItems(node: RuleNode, items: RuleNode, value: unknown[], old: unknown, path: string, walk: Walk): void {
  const keys = node.schema["x-kubernetes-list-map-keys"] ?? [];
  const oldByKey = new Map<string, unknown>();
  if (keys.length > 0 && Array.isArray(old)) for (const item of old) oldByKey.set(listMapKey(item, keys), item);
  for (const [index, item] of value.entries()) {
    visit(items, item, oldByKey.get(listMapKey(item, keys)), `${path}[${index}]`, walk);
  }
}

function applyRules(node: RuleNode, value: unknown, old: unknown, path: string, walk: Walk): void {
  const self = celInput(value, node.schema);
  const oldSelf = old === undefined ? null : celInput(old, node.schema);
  for (const rule of node.rules) {
    if (rule.isTransition && old === undefined) continue;
    const result = rule.evaluate(self, oldSelf);
    if (result === true) continue;
    // Over a value that is already known to be malformed a failing evaluation says nothing new.
    if (isCelError(result) && walk.brokenPaths.some((broken) => isInside(broken, path))) continue;
    const message = isCelError(result)
      ? `${rule.message} (the rule could not be evaluated: ${messageOf(result)})`
      : rule.message;
    walk.problems.push({
      path,
      found: describeValue(value),
      expected: rule.message,
      message,
      source: "cel",
      badValue: JSON.stringify(typeName(value)),
      reason: "FieldValueInvalid",
    });
  }
}

function isInside(path: string, ancestor: string): boolean {
  return ancestor === "" || path === ancestor || path.startsWith(`${ancestor}.`) || path.startsWith(`${ancestor}[`);
}

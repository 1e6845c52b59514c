/**
 * Label and field selectors: parsed once, then asked per object. Syntax of k8s.io/apimachinery/pkg/labels and
 * pkg/fields: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`.
 */
import { at, type ApiObject } from "./json.ts";
import { badRequest } from "./status-error.ts";

export type Matches = (object: ApiObject) => boolean;

/** Longest selector that is parsed, in characters. */
const MAX_SELECTOR_LENGTH = 4096;

export function parseLabelSelector(text: string | undefined): Matches | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest("label selector is too long");
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (object) => requirements.every((holds) => holds(object.metadata.labels ?? {}));
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === "(") depth++;
    if (char === ")") depth--;
    if (char === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim());
}

type Holds = (labels: Readonly<Record<string, string>>) => boolean;

function parseRequirement(text: string): Holds {
  const set = /^([^\s!=(),]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = new Set(list.split(",").map((value) => value.trim()));
    if (operator === "in") return (labels) => key in labels && values.has(labels[key] ?? "");
    return (labels) => !(key in labels) || !values.has(labels[key] ?? "");
  }
  const pair = /^([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)$/.exec(text);
  if (pair !== null) {
    const [, key = "", operator, value = ""] = pair;
    return operator === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const bare = /^(!?)\s*([^\s!=(),]+)$/.exec(text);
  if (bare === null) throw badRequest(`unable to parse requirement: ${text}`);
  const [, not, key = ""] = bare;
  return not === "!" ? (labels) => !(key in labels) : (labels) => key in labels;
}

/** `selectable` lists the fields beside metadata.name and metadata.namespace that may be asked for. */
export function parseFieldSelector(text: string | undefined, selectable: readonly string[] = []): Matches | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest("field selector is too long");
  const requirements = text.split(",").map((part) => {
    const match = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, field = "", operator, value = ""] = match;
    if (field !== "metadata.name" && field !== "metadata.namespace" && !selectable.includes(field)) {
      throw badRequest(`field label not supported: ${field}`);
    }
    const path = field.split(".");
    return (object: ApiObject) => (fieldText(at(object, ...path)) === value) === (operator !== "!=");
  });
  return (object) => requirements.every((holds) => holds(object));
}

function fieldText(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? `${value}` : "";
}

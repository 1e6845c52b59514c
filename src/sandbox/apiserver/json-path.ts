/**
 * The JSONPath of printer columns: `.a.b`, `['a']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, and `\.` for a dot inside a name.
 *
 * Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
import { isJsonObject } from "./json.ts";

type Step = (value: unknown) => unknown[];

/** Longest path that is parsed, in characters. */
const MAX_PATH_LENGTH = 1_024;
const FILTER = /^\?\(@((?:\.[\w-]+)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\)$/;

/** The values at `path`; none when a step leads nowhere. Throws RangeError on a path it cannot read. */
export function readJsonPath(path: string, value: unknown): unknown[] {
  let values: unknown[] = [value];
  for (const step of parse(path)) values = values.flatMap(step);
  return values;
}

function parse(path: string): Step[] {
  if (path.length > MAX_PATH_LENGTH) throw new RangeError("JSONPath is too long");
  const steps: Step[] = [];
  let rest = path.replace(/^\{(.*)\}$/, "$1").replace(/^\$/, "");
  while (rest !== "") {
    const name = /^\.?((?:\\.|[^.[\\])+)/.exec(rest);
    const bracket = /^\[((?:[^\]"']|"[^"]*"|'[^']*')*)\]/.exec(rest);
    const match = bracket ?? name;
    if (match === null) throw new RangeError(`cannot read JSONPath ${path}`);
    steps.push(bracket === null ? field((match[1] ?? "").replaceAll(/\\(.)/g, "$1")) : subscript(match[1] ?? ""));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

function field(name: string): Step {
  if (name === "*") return children;
  return (value) => (isJsonObject(value) && value[name] !== undefined ? [value[name]] : []);
}

function children(value: unknown): unknown[] {
  return Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
}

function subscript(text: string): Step {
  if (text === "*") return children;
  if (/^-?\d+$/.test(text)) return (value) => (Array.isArray(value) ? [value.at(Number(text))].filter(isPresent) : []);
  const quoted = /^(?:"([^"]*)"|'([^']*)')$/.exec(text);
  if (quoted !== null) return field(quoted[1] ?? quoted[2] ?? "");
  const filter = FILTER.exec(text);
  if (filter === null) throw new RangeError(`cannot read JSONPath subscript [${text}]`);
  const [, path = "", operator] = filter;
  const wanted = filter[3] ?? filter[4] ?? filter[5] ?? "";
  return (value) =>
    children(value).filter((item) => {
      const [found] = readJsonPath(path, item);
      return (found !== undefined && String(found) === wanted) === (operator === "==");
    });
}

function isPresent(value: unknown): boolean {
  return value !== undefined;
}

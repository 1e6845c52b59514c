/**
 * The EC2 query protocol's requests: one form, nested by dots and counted from 1 (EC2 API reference, "Query requests").
 * Reading is total: what is malformed becomes an `Ec2Error` of AWS's own code.
 */
import { Ec2Error } from "./ports.ts";

export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

/** Most values of one list; AWS caps filters at 200 values. */
const MAX_LIST = 1_000;

export class QueryParams {
  readonly #form: URLSearchParams;

  constructor(body: string) {
    this.#form = new URLSearchParams(body);
  }

  get action(): string {
    return this.#form.get("Action") ?? "";
  }

  optional(name: string): string | undefined {
    return this.#form.get(name) ?? undefined;
  }

  /** MissingParameter when it is not there. */
  required(name: string): string {
    const value = this.#form.get(name);
    if (value === null || value === "") {
      throw new Ec2Error("MissingParameter", `The request must contain the parameter ${name}`);
    }
    return value;
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) ?? false;
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#form.get(name);
    if (value === null) return undefined;
    if (value === "true" || value === "false") return value === "true";
    throw new Ec2Error("InvalidParameterValue", `Invalid value '${value}' for ${name}. Expected a boolean.`);
  }

  /** `Name.1`, `Name.2`, ... */
  list(name: string): string[] {
    const values: string[] = [];
    for (let index = 1; index <= MAX_LIST; index++) {
      const value = this.#form.get(`${name}.${index}`);
      if (value === null) break;
      values.push(value);
    }
    return values;
  }

  filters(): Filter[] {
    const filters: Filter[] = [];
    for (let index = 1; index <= MAX_LIST; index++) {
      const name = this.#form.get(`Filter.${index}.Name`);
      if (name === null) break;
      filters.push({ name, values: this.list(`Filter.${index}.Value`) });
    }
    return filters;
  }
}

/** What each filter of an action reads from an item. */
export type FilterTable<T> = Readonly<Record<string, (item: T) => readonly string[]>>;

/** Items that pass every filter; the values of one filter are alternatives; `*` and `?` are wildcards. */
export function applyFilters<T>(items: readonly T[], filters: readonly Filter[], table: FilterTable<T>): T[] {
  const tests = filters.map((filter) => {
    const read = table[filter.name];
    if (read === undefined) throw new Ec2Error("InvalidParameterValue", `The filter '${filter.name}' is invalid`);
    const patterns = filter.values.map(wildcard);
    return (item: T): boolean => read(item).some((value) => patterns.some((pattern) => pattern.test(value)));
  });
  return items.filter((item) => tests.every((test) => test(item)));
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`);
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken?: string;
}

/** `MaxResults` (5 to 1000) and `NextToken`, as every paginated Describe action. */
export function pageOf<T>(items: readonly T[], params: QueryParams, defaultPageSize: number): Page<T> {
  const size = Number(params.optional("MaxResults") ?? defaultPageSize);
  if (params.optional("MaxResults") !== undefined && !(size >= 5 && size <= 1_000)) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
    );
  }
  const start = startOf(params.optional("NextToken"));
  const end = start + size;
  const rest = end < items.length ? { nextToken: Buffer.from(`from:${end}`).toString("base64") } : {};
  return { items: items.slice(start, end), ...rest };
}

function startOf(token: string | undefined): number {
  if (token === undefined || token === "") return 0;
  const match = /^from:([0-9]+)$/.exec(Buffer.from(token, "base64").toString());
  if (match === null) throw new Ec2Error("InvalidParameterValue", "Unable to parse pagination token");
  return Number(match[1]);
}

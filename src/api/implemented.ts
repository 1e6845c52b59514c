/**
 * Which fields of the specs this version carries out. Every field of every spec stands in exactly one of the two
 * lists (a test walks the schemas); preflight answers `NotImplemented` for one of `later` that is used, so that
 * nothing is silently ignored. A field that only carries its default is not used.
 *
 * An entry covers everything below it; the longest entry that fits decides.
 */
import { DEFINITIONS } from "./definitions.ts";
import { isResourceKind, type KindName, type ResourceKind } from "./kinds.ts";
import type { Schema } from "./schema.ts";
import { isJsonMap } from "./structural.ts";

interface Coverage {
  readonly now: readonly string[];
  readonly later: readonly string[];
  /** Values that come later, of fields that are there now. */
  readonly laterValues?: Readonly<Record<string, readonly string[]>>;
}

const NOTHING_YET: Coverage = { now: [], later: [""] };

export const COVERAGE: Readonly<Record<KindName, Coverage>> = {
  FailoverGroup: {
    now: [
      "members",
      "resources",
      "failover",
      "scheduledEvents",
      "isolation",
      "fencing",
      "monitors",
      "servicePorts",
      "whenDeleted",
    ],
    later: [],
  },
  AwsVirtualIP: { now: [""], later: [] },
  AwsElasticIP: { now: [""], later: [] },
  AwsDns: { now: [""], later: [] },
  AzureDns: { now: [""], later: [] },
  LbProbePort: { now: [""], later: [] },
  MirrorDisk: NOTHING_YET,
};

/** Resource kinds that this version cannot activate at all. */
export function isKindImplemented(kind: ResourceKind): boolean {
  return COVERAGE[kind] !== NOTHING_YET;
}

/** Whether a field of a spec is carried out; `path` without indices: `resources[].kind`. Undefined: in no list. */
export function isFieldImplemented(kind: KindName, path: string): boolean | undefined {
  const { now, later } = COVERAGE[kind];
  const covering = (entry: string): boolean =>
    entry === "" || path === entry || path.startsWith(`${entry}.`) || path.startsWith(`${entry}[`);
  const longest = (entries: readonly string[]): number =>
    Math.max(-1, ...entries.filter(covering).map(({ length }) => length));
  const [nowLength, laterLength] = [longest(now), longest(later)];
  return nowLength === laterLength ? undefined : nowLength > laterLength;
}

/**
 * What `spec` (as defaulted by the API server) uses and this version does not carry out: paths, with the value
 * where only that value is missing. Empty: nothing.
 */
export function notImplementedFields(kind: KindName, spec: unknown): string[] {
  if (!isJsonMap(spec)) return findNotImplemented(kind, spec);
  const known = found.get(spec);
  if (known?.kind === kind) return known.fields;
  const fields = findNotImplemented(kind, spec);
  found.set(spec, { kind, fields });
  return fields;
}

/** Specs are values: one that is looked at in every round is walked once. */
const found = new WeakMap<object, { readonly kind: KindName; readonly fields: string[] }>();

function findNotImplemented(kind: KindName, spec: unknown): string[] {
  if (kind !== "FailoverGroup" && !isKindImplemented(kind)) return [`kind ${kind}`];
  return [
    ...usedLater(kind, DEFINITIONS[kind].spec, spec, ""),
    ...laterValuesUsed(kind, spec),
    ...laterKinds(kind, spec),
  ];
}

function usedLater(kind: KindName, schema: Schema, value: unknown, path: string): string[] {
  if (value === undefined || isDefault(schema, value)) return [];
  if (path !== "" && isFieldImplemented(kind, path) === false) return [`spec.${path}`];
  if (Array.isArray(value)) {
    return [...new Set(value.flatMap((item) => usedLater(kind, schema.items ?? {}, item, `${path}[]`)))];
  }
  if (!isJsonMap(value)) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const sub = schema.properties?.[name];
    return sub === undefined ? [] : usedLater(kind, sub, child, path === "" ? name : `${path}.${name}`);
  });
}

/** Whether a value is what the API server writes when the field is omitted. */
function isDefault(schema: Schema, value: unknown): boolean {
  if (schema.default === undefined) return false;
  if (!isJsonMap(value)) return JSON.stringify(value) === JSON.stringify(schema.default);
  return Object.entries(value).every(([name, child]) => {
    const sub = schema.properties?.[name];
    return sub !== undefined && isDefault(sub, child);
  });
}

function laterValuesUsed(kind: KindName, spec: unknown): string[] {
  return Object.entries(COVERAGE[kind].laterValues ?? {}).flatMap(([path, values]) => {
    const value = path.split(".").reduce<unknown>((at, name) => (isJsonMap(at) ? at[name] : undefined), spec);
    return typeof value === "string" && values.includes(value) ? [`spec.${path}: ${value}`] : [];
  });
}

/** Entries of a group whose kind comes later. */
function laterKinds(kind: KindName, spec: unknown): string[] {
  if (kind !== "FailoverGroup" || !isJsonMap(spec) || !Array.isArray(spec["resources"])) return [];
  return spec["resources"].flatMap((resource: unknown, index) => {
    const named = isJsonMap(resource) ? resource["kind"] : undefined;
    if (typeof named !== "string" || !isResourceKind(named) || isKindImplemented(named)) return [];
    return [`spec.resources[${index}].kind: ${named}`];
  });
}

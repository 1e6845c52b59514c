/**
 * Checks the text of manifests. Pure: texts in, problems out. Uses the engine and the schemas of `src/api`, so that
 * what passes here passes at the API server (schema and CEL; what needs other objects is preflight's).
 */
import { LineCounter, parseAllDocuments, type Document } from "yaml";
import { DEFINITIONS } from "../api/definitions.ts";
import { rootSchema } from "../api/kind-definition.ts";
import { API_GROUP, API_VERSION, KIND_NAMES, isKindName, type KindName } from "../api/kinds.ts";
import { compileSchema, type CompiledSchema } from "../api/schema-validation.ts";
import { isJsonMap } from "../api/structural.ts";
import { describeValue } from "../api/problem.ts";
import { metadataProblems, type Finding } from "./validate-metadata.ts";

export interface ManifestProblem extends Finding {
  readonly file: string;
  /** From 1; the position in its file. */
  readonly document: number;
  /** `Kind/name` as far as known. */
  readonly object: string;
  /** Line in the file, from 1. */
  readonly line?: number;
}

export interface Report {
  /** Objects of this API that were checked. */
  readonly objects: number;
  readonly problems: readonly ManifestProblem[];
  /** What was not checked, and why. */
  readonly notes: readonly string[];
}

interface Manifest {
  readonly file: string;
  readonly text: string;
}

/** One document of a file. */
interface Place {
  readonly file: string;
  readonly document: number;
  readonly yaml: Document.Parsed;
  readonly lines: LineCounter;
}

interface Run {
  readonly problems: ManifestProblem[];
  readonly notes: string[];
  readonly compiled: Map<KindName, CompiledSchema>;
  /** Kind, namespace and name -> where it was seen first. */
  readonly seen: Map<string, string>;
  objects: number;
}

/** Most documents that one file may hold. */
const MAX_DOCUMENTS = 10_000;

export function checkManifests(manifests: readonly Manifest[]): Report {
  const run: Run = { problems: [], notes: [], compiled: new Map(), seen: new Map(), objects: 0 };
  for (const manifest of manifests) checkFile(manifest, run);
  return { objects: run.objects, problems: run.problems, notes: run.notes };
}

function checkFile({ file, text }: Manifest, run: Run): void {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, logLevel: "silent" });
  const documents = "empty" in parsed ? [] : parsed.slice(0, MAX_DOCUMENTS);
  const filled = documents.filter((yaml) => yaml.errors.length > 0 || (yaml.contents !== null && yaml.toJS() !== null));
  if (filled.length === 0) {
    const expected = "at least one object: the file holds nothing but comments and empty documents";
    run.problems.push({ file, document: 1, object: "", path: "", found: "nothing", expected });
  }
  for (const [index, yaml] of documents.entries()) {
    if (filled.includes(yaml)) checkDocument({ file, document: index + 1, yaml, lines }, run);
  }
}

function checkDocument(place: Place, run: Run): void {
  const { yaml, file, document } = place;
  if (yaml.errors.length > 0) {
    for (const error of yaml.errors) {
      const [sentence = ""] = error.message.split("\n");
      const line = error.linePos?.[0].line;
      const found = error.code === "DUPLICATE_KEY" ? "a key twice" : "text that is not YAML";
      run.problems.push({
        file,
        document,
        object: "",
        path: "",
        found,
        expected: sentence.replace(/:$/, ""),
        ...(line === undefined ? {} : { line }),
      });
    }
    return;
  }
  const object: unknown = yaml.toJS({ maxAliasCount: 1000 });
  for (const finding of checkObject(object, place, run)) {
    const line = lineOf(place, finding.path);
    run.problems.push({ file, document, object: nameOf(object), ...finding, ...(line === undefined ? {} : { line }) });
  }
}

function nameOf(object: unknown): string {
  if (!isJsonMap(object)) return "";
  const kind = typeof object["kind"] === "string" ? object["kind"] : "";
  const name = isJsonMap(object["metadata"]) ? object["metadata"]["name"] : undefined;
  return typeof name === "string" ? `${kind}/${name}` : kind;
}

function checkObject(object: unknown, place: Place, run: Run): Finding[] {
  if (!isJsonMap(object))
    return [{ path: "", found: describeValue(object), expected: "an object with apiVersion, kind, metadata and spec" }];
  const kind = knownKind(object);
  if (typeof kind === "object") return [kind];
  if (kind === undefined) {
    run.notes.push(
      `${place.file}, document ${place.document}: ${nameOf(object)} is of another API and was not checked`,
    );
    return [];
  }
  run.objects += 1;
  const schema = run.compiled.get(kind) ?? compileSchema(rootSchema(DEFINITIONS[kind]));
  run.compiled.set(kind, schema);
  const unknownFields = schema.prune(object).map((path) => ({
    path,
    found: "an unknown field",
    expected: `a field of ${kind}: see docs/reference/${kind.toLowerCase()}.md`,
  }));
  const invalid = schema
    .validate(schema.applyDefaults(object))
    .map(({ path, found, expected }) => ({ path, found, expected }));
  return [...metadataProblems(object["metadata"]), ...unknownFields, ...invalid, ...repeated(object, place, run)];
}

/** The kind; a finding when apiVersion or kind are wrong; undefined for objects of other APIs. */
function knownKind(object: Readonly<Record<string, unknown>>): KindName | Finding | undefined {
  const { apiVersion, kind } = object;
  if (typeof kind !== "string" || kind === "")
    return { path: "kind", found: describeValue(kind), expected: `one of ${KIND_NAMES.join(", ")}` };
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return { path: "apiVersion", found: describeValue(apiVersion), expected: API_VERSION };
  }
  if (apiVersion.startsWith(`${API_GROUP}/`) || isKindName(kind)) {
    if (apiVersion !== API_VERSION)
      return { path: "apiVersion", found: describeValue(apiVersion), expected: API_VERSION };
    if (!isKindName(kind))
      return { path: "kind", found: describeValue(kind), expected: `one of ${KIND_NAMES.join(", ")}` };
    return kind;
  }
  return undefined;
}

/** The same object given twice: one of them would be lost. */
function repeated(object: Readonly<Record<string, unknown>>, place: Place, run: Run): Finding[] {
  const metadata = isJsonMap(object["metadata"]) ? object["metadata"] : {};
  if (typeof metadata["name"] !== "string") return [];
  const key = JSON.stringify([object["kind"], metadata["namespace"] ?? "", metadata["name"]]);
  const first = run.seen.get(key);
  if (first !== undefined) {
    return [
      {
        path: "metadata.name",
        found: describeValue(metadata["name"]),
        expected: `each object once; it is also in ${first}`,
      },
    ];
  }
  run.seen.set(key, `${place.file}, document ${place.document}`);
  return [];
}

/** Line of the field, or of the nearest one above it that is there. */
function lineOf({ yaml, lines }: Place, path: string): number | undefined {
  const steps = [...path.matchAll(/[^.[\]]+/g)].map(([step]) => (/^[0-9]+$/.test(step) ? Number(step) : step));
  for (let length = steps.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? yaml.contents : yaml.getIn(steps.slice(0, length), true);
    if (isRanged(node)) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function isRanged(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range);
}

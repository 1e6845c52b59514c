/** The source tree as the conventions see it: every file parsed once, by a maintained parser. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseSync } from "oxc-parser";

export const ROOT = resolve(import.meta.dirname, "../..");

export interface SourceFile {
  /** Path from the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Imported modules: paths from the root for relative ones, package names otherwise. */
  readonly imports: readonly { readonly target: string; readonly isType: boolean; readonly isDynamic: boolean }[];
  readonly program: Node;
}

/** As much of an ESTree node as the rules need. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** Every node below (and including) `node`, parents first. */
export function* walk(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) yield* walk(item);
    } else if (isNode(value)) yield* walk(value);
  }
}

export function lineOf(file: SourceFile, offset: number): number {
  return file.text.slice(0, offset).split("\n").length;
}

function parse(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), "utf8");
  const parsed = parseSync(path, text);
  const targetOf = (specifier: string): string =>
    specifier.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(path), specifier)) : specifier;
  const imports = [
    ...parsed.module.staticImports.map((found) => ({
      target: targetOf(found.moduleRequest.value),
      isType: /^import\s+type\b/.test(text.slice(found.start, found.end)),
      isDynamic: false,
    })),
    ...parsed.module.dynamicImports.map((found) => ({
      target: targetOf(text.slice(found.moduleRequest.start, found.moduleRequest.end).replace(/^["'`]|["'`]$/g, "")),
      isType: false,
      isDynamic: true,
    })),
  ];
  return { path, text, lines: text.split("\n").length - 1, imports, program: parsed.program as unknown as Node };
}

/** All TypeScript files below `folders`, tests included. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.includes("generated"))
      .toSorted()
      .map((name) => parse(`${folder}/${name}`)),
  );
}

export function isTest(file: SourceFile): boolean {
  return file.path.endsWith(".test.ts") || file.path.endsWith(".suite.ts");
}

import { describe, expect, test } from "vitest";
import { isNode, isTest, lineOf, readSources, walk, type Node, type SourceFile } from "./sources.ts";

/** Hard limits (CONVENTIONS); the aim is 40 and 200. */
const MAX_FUNCTION_LINES = 70;
const MAX_FILE_LINES = 400;

/** Where the outside world may be touched directly. */
const ADAPTERS =
  /^src\/(main\.ts|host\/|cli\/|sandbox\/|kube\/(rest-|token-|connection)|nodeagent\/(linux\/|[a-z]+\/main\.ts)|controller\/(main|health-server)\.ts|cloud\/(aws|azure)\/[a-z0-9-]*client)/;

const files = readSources("src");
const production = files.filter((file) => !isTest(file));
const everything = [...files, ...readSources("test", "scripts", "bench")];

function sizeOf(file: SourceFile, node: Node): number {
  return lineOf(file, node.end) - lineOf(file, node.start) + 1;
}

function functionsOf(file: SourceFile): Node[] {
  return [...walk(file.program)].filter((node) =>
    ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"].includes(node.type),
  );
}

function identifierName(node: unknown): string | undefined {
  return isNode(node) && node.type === "Identifier" ? (node["name"] as string) : undefined;
}

/** Uses of the hidden inputs that rule 6 bans outside adapters. */
function hiddenInputs(file: SourceFile): string[] {
  const found: string[] = [];
  for (const node of walk(file.program)) {
    if (
      node.type === "NewExpression" &&
      identifierName(node["callee"]) === "Date" &&
      (node["arguments"] as unknown[]).length === 0
    )
      found.push(`${file.path}:${lineOf(file, node.start)} new Date()`);
    if (
      node.type === "CallExpression" &&
      ["setTimeout", "setInterval", "fetch"].includes(identifierName(node["callee"]) ?? "")
    )
      found.push(`${file.path}:${lineOf(file, node.start)} ${identifierName(node["callee"])}`);
    if (node.type === "MemberExpression") {
      const text = file.text.slice(node.start, node.end);
      if (/^(Math\.random|Date\.now|process\.env|console\.\w+|performance\.now)$/.test(text))
        found.push(`${file.path}:${lineOf(file, node.start)} ${text}`);
    }
  }
  return found;
}

describe("sizes", () => {
  test(`no function of src is longer than ${MAX_FUNCTION_LINES} lines`, () => {
    const long = production.flatMap((file) =>
      functionsOf(file)
        .filter((node) => sizeOf(file, node) > MAX_FUNCTION_LINES)
        .map((node) => `${file.path}:${lineOf(file, node.start)} ${sizeOf(file, node)} lines`),
    );
    expect(long).toEqual([]);
  });

  test(`no file of src is longer than ${MAX_FILE_LINES} lines`, () => {
    expect(files.filter((file) => file.lines > MAX_FILE_LINES).map((file) => `${file.path} ${file.lines}`)).toEqual([]);
  });
});

describe("bans", () => {
  test("outside adapters nothing reads the clock, randomness, the environment or the console", () => {
    expect(production.filter((file) => !ADAPTERS.test(file.path)).flatMap(hiddenInputs)).toEqual([]);
  });

  test("no default exports", () => {
    const found = everything.filter((file) =>
      [...walk(file.program)].some((node) => node.type === "ExportDefaultDeclaration"),
    );
    expect(found.map((file) => file.path)).toEqual([]);
  });

  test("no `any` and no non-null assertion", () => {
    const found = everything.flatMap((file) =>
      [...walk(file.program)]
        .filter((node) => node.type === "TSAnyKeyword" || node.type === "TSNonNullExpression")
        .map((node) => `${file.path}:${lineOf(file, node.start)} ${node.type}`),
    );
    expect(found).toEqual([]);
  });

  test("no module-level `let`", () => {
    const found = production.flatMap((file) =>
      ((file.program["body"] as Node[]) ?? [])
        .filter((node) => node.type === "VariableDeclaration" && node["kind"] === "let")
        .map((node) => `${file.path}:${lineOf(file, node.start)}`),
    );
    expect(found).toEqual([]);
  });

  test("no empty catch", () => {
    const found = everything.flatMap((file) =>
      [...walk(file.program)]
        .filter(
          (node) =>
            node.type === "CatchClause" && isNode(node["body"]) && (node["body"]["body"] as unknown[]).length === 0,
        )
        .map((node) => `${file.path}:${lineOf(file, node.start)}`),
    );
    expect(found).toEqual([]);
  });

  test("no test sleeps: fake time, or waiting for a fact, instead", () => {
    const sleeps = everything
      .filter((file) => isTest(file) && !file.path.startsWith("test/integration/"))
      .flatMap((file) =>
        [...walk(file.program)]
          .filter(
            (node) =>
              node.type === "CallExpression" &&
              /^(setTimeout|sleep)$/.test(identifierName(node["callee"]) ?? "") &&
              /await/.test(file.text.slice(Math.max(0, node.start - 60), node.start)),
          )
          .map((node) => `${file.path}:${lineOf(file, node.start)}`),
      );
    expect(sleeps).toEqual([]);
  });

  test("every file of src opens with what it is", () => {
    const silent = production.filter((file) => !/^(#![^\n]*\n)?\s*(\/\*\*|\/\/)/.test(file.text));
    expect(silent.map((file) => file.path)).toEqual([]);
  });

  test("file names are kebab-case and say something", () => {
    const wrong = everything.filter(
      (file) =>
        !/^[a-z0-9-]+(\.\d+)?(\.(test|suite))?\.ts$/.test(file.path.split("/").at(-1) ?? "") ||
        /\b(utils?|common|helpers?)\.ts$/.test(file.path),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

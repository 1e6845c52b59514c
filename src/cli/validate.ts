/**
 * `understudy validate`: checks manifests offline with the very same schemas and rules as the API server. The checks
 * themselves are in `validate-manifests.ts`; this file reads files and prints.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { messageOf } from "../lib/errors.ts";
import { renderTable } from "./table.ts";
import type { ManifestProblem, Report } from "./validate-manifests.ts";

export interface ValidateOptions {
  readonly filename: readonly string[];
  readonly output: "text" | "json";
}

/** What the command needs from outside, so that tests need no files. */
export interface ValidateIo {
  /** Files behind a name: the file itself, the manifests of a folder, or standard input for `-`. Throws when unreadable. */
  read(name: string): readonly { readonly file: string; readonly text: string }[];
  out(line: string): void;
  err(line: string): void;
}

const HELP = `
Examples:
  understudy validate -f examples/aws-virtual-ip
  understudy validate -f group.yaml -f disk.yaml -o json
  cat group.yaml | understudy validate -f -

Objects of other API groups, such as Secrets, are named and not checked.
What needs other objects, the cloud or a VM is checked after the apply and shown in the condition PreflightOK.

Exit codes: 0 no problem, 1 at least one problem, 2 wrong usage or an unreadable file.`;

export function registerValidate(program: Command): void {
  program
    .command("validate")
    .description("check manifests without a cluster, with the same schemas and rules as the API server")
    .requiredOption("-f, --filename <files...>", "files or folders to check; - for standard input")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText("after", HELP)
    .action(async (options: ValidateOptions) => {
      process.exitCode = await runValidate(options, processIo());
    });
}

/** Gives the exit code. */
export async function runValidate(options: ValidateOptions, io: ValidateIo): Promise<number> {
  if (options.output !== "text" && options.output !== "json") {
    io.err(`understudy validate: --output is text or json, not ${String(options.output)}`);
    return 2;
  }
  const files: { readonly file: string; readonly text: string }[] = [];
  for (const name of options.filename) {
    try {
      files.push(...io.read(name));
    } catch (thrown) {
      io.err(`understudy validate: cannot read ${name}: ${messageOf(thrown)}`);
      return 2;
    }
  }
  const { checkManifests } = await import("./validate-manifests.ts");
  const report = checkManifests(files);
  for (const note of report.notes) io.err(note);
  if (options.output === "json") io.out(JSON.stringify({ valid: report.problems.length === 0, ...report }, null, 2));
  else for (const line of renderReport(report)) io.out(line);
  return report.problems.length === 0 ? 0 : 1;
}

const HEADER = ["FILE", "DOCUMENT", "PATH", "FOUND", "EXPECTED"];

function renderReport({ problems, objects }: Report): string[] {
  const checked = `${objects} object${objects === 1 ? "" : "s"} checked`;
  if (problems.length === 0) return [`${checked}, no problems`];
  const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
  return [...renderTable([HEADER, ...problems.map(cells)]), "", `${checked}, ${count}`];
}

function cells(problem: ManifestProblem): string[] {
  const file = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return [file, `${problem.document} ${problem.object}`.trim(), problem.path, problem.found, problem.expected];
}

function processIo(): ValidateIo {
  return {
    read(name) {
      if (name === "-") return [{ file: "-", text: readFileSync(0, "utf8") }];
      const names = statSync(name).isDirectory() ? manifestsIn(name) : [name];
      return names.map((file) => ({ file, text: readFileSync(file, "utf8") }));
    },
    out: (line) => console.log(line),
    err: (line) => console.error(line),
  };
}

function manifestsIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /\.(ya?ml|json)$/.test(name));
  if (names.length === 0) throw new Error("the folder holds no .yaml, .yml or .json file");
  return names.sort().map((name) => join(folder, name));
}

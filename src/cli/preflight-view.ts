/** What `understudy preflight` prints for people. Pure. */
import type { GroupPreflight, PreflightFinding } from "./preflight-report.ts";
import { renderTable } from "./table.ts";

const WORST_FIRST = ["fail", "warn", "pass"] as const;

export function renderPreflight({ namespace, group, result, findings }: GroupPreflight): string[] {
  const sorted = WORST_FIRST.flatMap((wanted) => findings.filter((found) => found.result === wanted));
  const rows = sorted.map((found) => [found.result, found.object, found.check, reasonOf(found)]);
  const explained = sorted.filter((found) => found.result !== "pass");
  return [
    `${namespace}/${group}: ${result}`,
    "",
    ...renderTable([["RESULT", "OBJECT", "CHECK", "REASON"], ...rows], "  "),
    ...explained.flatMap((found) => ["", ...explanation(found)]),
    ...notes(sorted),
  ];
}

/** `RouteWrong (56)`: the number under which the guides list it. */
function reasonOf({ reason, codes }: PreflightFinding): string {
  return codes.length === 0 ? reason : `${reason} (${codes.join("/")})`;
}

function explanation(found: PreflightFinding): string[] {
  const lines = [`  ${found.result}: ${found.object}: ${found.message}`];
  return found.remedy === "" ? lines : [...lines, `        ${found.remedy}`];
}

/** What a check that passed still has to say: where an address cannot be reached from, how long calls took. */
function notes(findings: readonly PreflightFinding[]): string[] {
  const told = findings.filter(({ check, result }) => result === "pass" && ["PreflightOK", "CallTime"].includes(check));
  return told.length === 0 ? [] : ["", ...told.map(({ object, message }) => `  ${object}: ${message}`)];
}

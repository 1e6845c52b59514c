/**
 * `npm run model`: checks the protocol's models with Spin, exhaustively inside the printed bounds. Rules as written must
 * be clean; with any one rule taken out, the run must find the violation. Exits 1 when either is not so.
 *
 *   npm run model                  every run
 *   npm run model -- --quick       the runs that end within seconds
 *   npm run model -- NAME...       only these
 *
 * Needs the programs `spin` and `gcc` (Debian: apt-get install spin gcc); without them it says so and exits 0.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

interface ModelRun {
  readonly name: string;
  readonly model: "rights" | "watchdog";
  /** What is in the run, and the bounds. */
  readonly scope: readonly string[];
  /** The rule taken out; absent: as written. */
  readonly broken?: string;
  readonly isSlow?: boolean;
  /** Stop after so long; a clean run that was stopped is reported as not exhausted. */
  readonly limitSeconds?: number;
  /** States are stored as hashes of 64 bits (Spin's hash compaction): exhaustive but for a collision of two of them. */
  readonly isHashed?: boolean;
}

const CORE = ["PROMISES"];
const MIRROR = ["PROMISES", "MIRROR"];
const MEMBERS = ["PROMISES", "MEMBERS"];

/** Names of broken rules are those of the simulator's `--break` where both have the rule. */
const RUNS: readonly ModelRun[] = [
  { name: "sessions", model: "rights", scope: [] },
  { name: "promises", model: "rights", scope: CORE },
  { name: "promises, slow standby", model: "rights", scope: [...CORE, "SLOW=2"] },
  { name: "promises, both slow", model: "rights", scope: [...CORE, "SLOW=3"] },
  { name: "promises, restarts", model: "rights", scope: [...CORE, "RESTARTS"] },
  { name: "promises, crashes", model: "rights", scope: [...CORE, "CRASHES"] },
  { name: "promises, reports", model: "rights", scope: [...CORE, "REPORTS"] },
  { name: "core", model: "rights", scope: [...CORE, "REPORTS", "RESTARTS", "CRASHES"], isSlow: true },
  { name: "core, 3 grants", model: "rights", scope: [...CORE, "RESTARTS", "MAXEPOCH=3"], isSlow: true },
  { name: "3 members, sessions", model: "rights", scope: ["N=3", "MAXSESSION=1"] },
  { name: "3 members, 2 sessions", model: "rights", scope: ["N=3"], isSlow: true, limitSeconds: 600 },
  {
    name: "3 members, promises",
    model: "rights",
    scope: [...CORE, "N=3", "MAXSESSION=1"],
    isSlow: true,
    limitSeconds: 1_800,
    isHashed: true,
  },
  { name: "mirror", model: "rights", scope: [...MIRROR, "MAXSESSION=1"] },
  { name: "mirror, 2 sessions", model: "rights", scope: MIRROR, isSlow: true },
  {
    name: "mirror, force-promote",
    model: "rights",
    scope: [...MIRROR, "FORCE", "CRASHES", "MAXSESSION=1"],
    isSlow: true,
  },
  { name: "members", model: "rights", scope: [...MEMBERS, "MAXSESSION=1"] },
  { name: "watchdog, W=3 L=5", model: "watchdog", scope: ["W=3", "L=5"] },
  { name: "watchdog, W=6 L=11", model: "watchdog", scope: ["W=6", "L=11"] },

  { name: "rho in the revoke", model: "rights", scope: CORE, broken: "NO_RHO" },
  { name: "A1", model: "rights", scope: CORE, broken: "PROMISE_WITHOUT_RHO" },
  { name: "A2", model: "rights", scope: [...CORE, "REPORTS", "RESTARTS"], broken: "RESUME_SESSION", isSlow: true },
  { name: "A3", model: "rights", scope: [...MIRROR, "MAXSESSION=1"], broken: "GROW_UNDER_PROMISE" },
  { name: "A4", model: "rights", scope: [...MIRROR, "MAXSESSION=1"], broken: "READ_RESOLVES_CHANGE", isSlow: true },
  { name: "A5", model: "rights", scope: [...MIRROR, "MAXSESSION=1"], broken: "NO_SEAL" },
  { name: "A6", model: "rights", scope: [...MIRROR, "FORCE", "MAXSESSION=1"], broken: "EXPIRY_PROVES_FORCE" },
  {
    name: "A7, record stored late",
    model: "rights",
    scope: [...MEMBERS, "MAXSESSION=1"],
    broken: "RECORD_WITHOUT_CAS",
  },
  {
    name: "A7, record not stored",
    model: "rights",
    scope: [...MEMBERS, "MAXSESSION=1"],
    broken: "STOP_ASKING_BEFORE_RECORDED",
    isSlow: true,
  },
  { name: "A8", model: "rights", scope: [...CORE, "CRASHES"], broken: "REVIVE_LAPSED_RIGHT" },
  { name: "A9, petting in a loop", model: "watchdog", scope: ["W=3", "L=5"], broken: "PET_IN_LOOP" },
  { name: "A9, 2W - 1", model: "watchdog", scope: ["W=3"], broken: "L=4" },
  { name: "A9, next renewal before the pet", model: "watchdog", scope: ["W=3", "L=5"], broken: "SEND_BEFORE_PET" },
  { name: "A9, device opened before the take-down", model: "watchdog", scope: ["L=40"], broken: "OPEN_BEFORE_DOWN" },
  { name: "no watchdog", model: "watchdog", scope: ["L=40"], broken: "NO_WATCHDOG" },
  { name: "count from the send", model: "rights", scope: CORE, broken: "COUNT_FROM_REPLY" },
  { name: "revoke", model: "rights", scope: CORE, broken: "NO_REVOKE" },
  { name: "revoke by compare-and-set", model: "rights", scope: CORE, broken: "NO_REVOKE_CAS", isSlow: true },
  { name: "grant after the end", model: "rights", scope: CORE, broken: "GRANT_WITHOUT_END" },
  { name: "a promise blocks", model: "rights", scope: CORE, broken: "IGNORE_PROMISE" },
  {
    name: "promises survive a restart",
    model: "rights",
    scope: [...CORE, "RESTARTS"],
    broken: "FORGET_PROMISE_ON_RESTART",
  },
  { name: "wait after a boot", model: "rights", scope: [...CORE, "CRASHES"], broken: "NO_BOOT_WAIT" },
  { name: "check again after an await", model: "rights", scope: CORE, broken: "NO_RECHECK_AFTER_AWAIT" },
  { name: "all, not most", model: "rights", scope: [...CORE, "N=3", "MAXSESSION=1"], broken: "MAJORITY_IS_PERMISSION" },
  {
    name: "recorded before it is used",
    model: "rights",
    scope: [...MIRROR, "MAXSESSION=1"],
    broken: "SHRINK_BEFORE_RECORDED",
    isSlow: true,
  },
];

const LIMIT_SECONDS = 240;
const MEMORY_MIB = 6_000;
/** Of the search, in steps; a deeper one needs more memory for its stack. */
const MAX_DEPTH = 8_000_000;
const HASHED_DEPTH = 20_000_000;

interface Outcome {
  readonly states: string;
  readonly isViolated: boolean;
  readonly isExhausted: boolean;
  readonly seconds: number;
}

/** Generates, compiles and runs one checker. Throws with the tool's own words when a model does not compile. */
function check(run: ModelRun, folder: string): Outcome {
  const model = resolve(import.meta.dirname, `../model/${run.model}.pml`);
  const flags = [...run.scope, ...(run.broken === undefined ? [] : [run.broken])].map((flag) => `-D${flag}`);
  const options = { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 } as const;
  const generated = spawnSync("spin", ["-a", ...flags, model], options);
  if (generated.status !== 0) throw new Error(`${run.name}: ${generated.stdout}${generated.stderr}`);
  const compiled = spawnSync(
    "gcc",
    ["-O2", "-DSAFETY", run.isHashed === true ? "-DHC4" : "-DCOLLAPSE", `-DMEMLIM=${MEMORY_MIB}`, "-o", "pan", "pan.c"],
    options,
  );
  if (compiled.status !== 0) throw new Error(`${run.name}: ${compiled.stderr}`);
  const startedMs = performance.now();
  const { stdout } = spawnSync("./pan", [`-m${run.isHashed === true ? HASHED_DEPTH : MAX_DEPTH}`, "-w25"], {
    ...options,
    timeout: (run.limitSeconds ?? LIMIT_SECONDS) * 1_000,
  });
  const errors = /errors: (\d+)/.exec(stdout)?.[1];
  return {
    states: /^\s*([\d.e+]+) states, stored/m.exec(stdout)?.[1] ?? "?",
    isViolated: /assertion violated/.test(stdout),
    isExhausted: errors === "0" && !/max search depth too small|out of memory|aborting/.test(stdout),
    seconds: (performance.now() - startedMs) / 1_000,
  };
}

/** One line per run; false when the run says that the protocol, or the model's teeth, are not as they must be. */
function report(run: ModelRun, outcome: Outcome): boolean {
  const isRight = run.broken === undefined ? !outcome.isViolated : outcome.isViolated;
  const verdict =
    run.broken === undefined
      ? outcome.isViolated
        ? "VIOLATED"
        : `clean, ${outcome.isExhausted ? "exhausted" : "not exhausted"}${run.isHashed === true ? " (hashed)" : ""}`
      : outcome.isViolated
        ? "violation found"
        : `NOT FOUND${outcome.isExhausted ? "" : " (stopped)"}`;
  const bounds = [...run.scope, ...(run.broken === undefined ? [] : [`without: ${run.broken}`])].join(" ");
  console.log(
    `${isRight ? "ok  " : "FAIL"} ${run.name.padEnd(40)} ${verdict.padEnd(24)} ${outcome.states.padStart(12)} states ${outcome.seconds.toFixed(1).padStart(7)} s  ${bounds}`,
  );
  return isRight;
}

const argv = process.argv.slice(2);
const names = argv.filter((argument) => !argument.startsWith("--"));
const wanted = RUNS.filter((run) =>
  names.length > 0 ? names.includes(run.name) : !argv.includes("--quick") || run.isSlow !== true,
);
const missing = ["spin", "gcc"].filter(
  (program) => spawnSync(program, [program === "spin" ? "-V" : "--version"]).status !== 0,
);
if (missing.length > 0) {
  console.log(`model: not run, for lack of ${missing.join(" and ")} (Debian: apt-get install spin gcc)`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "understudy-model-"));
try {
  const wrong = wanted.filter((run) => !report(run, check(run, folder)));
  console.log(`model: ${wanted.length - wrong.length} of ${wanted.length} runs as they must be`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

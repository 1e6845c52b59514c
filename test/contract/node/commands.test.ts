import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { MAX_OUTPUT_BYTES, type ProcessRef } from "../../../src/nodeagent/command/port.ts";
import { LinuxCommands } from "../../../src/nodeagent/linux/commands.ts";
import { LinuxProcesses } from "../../../src/nodeagent/linux/processes.ts";

let root = "";
const DIRECTORY = "/etc/understudy/exec.d";
const path = (name: string): string => join(root, DIRECTORY, name);

async function program(name: string, body: string, mode = 0o755): Promise<string> {
  await writeFile(path(name), `#!/bin/sh\n${body}\n`);
  await chmod(path(name), mode);
  return `${DIRECTORY}/${name}`;
}

function commands(): LinuxCommands {
  const ownerId = process.getuid?.() ?? 0;
  return new LinuxCommands({ directories: [DIRECTORY], hostRoot: root, ownerId }, { clock: systemClock });
}

const environment = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  UNDERSTUDY_GROUP: "failover1",
  UNDERSTUDY_NODE: `node-${process.pid}`,
};

function run(
  argv: readonly string[],
  extra: { timeoutMs?: number; signal?: AbortSignal; onSpawn?: (leader: ProcessRef) => void } = {},
) {
  return commands().run({ argv, environment, timeoutMs: 5_000, signal: new AbortController().signal, ...extra });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "understudy-commands-"));
  await mkdir(join(root, DIRECTORY), { recursive: true });
  await mkdir(join(root, "opt"), { recursive: true });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe("running a command", () => {
  test("passes arguments as they are and captures both outputs", async () => {
    const argv = [await program("echo", `printf '%s|' "$@"; echo oops >&2`), "a b", "$(id)", "*"];
    expect(await run(argv)).toEqual({ end: "exited", exitCode: 0, output: "a b|$(id)|*|oops" });
  });

  test("gives exactly the named environment", async () => {
    const { output } = await run([await program("env", "env | sort")]);
    const names = output.split("\n").map((line) => line.split("=")[0]);
    // `PWD`, `SHLVL` and `_` are the shell's own.
    expect(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name ?? ""))).toEqual([
      "PATH",
      "UNDERSTUDY_GROUP",
      "UNDERSTUDY_NODE",
    ]);
  });

  test("keeps only the end of a long output", async () => {
    const { output } = await run([await program("long", "head -c 100000 /dev/zero | tr '\\0' x; echo end")]);
    expect(output.length).toBeLessThanOrEqual(MAX_OUTPUT_BYTES);
    expect(output.endsWith("end")).toBe(true);
  });

  test("reports a failing exit code", async () => {
    expect(await run([await program("fail", "exit 3")])).toMatchObject({ end: "exited", exitCode: 3 });
  });

  test("ends the whole group at the timeout, also when it ignores TERM", async () => {
    const argv = [await program("hang", "trap '' TERM\nsleep 60 &\nsleep 60; sleep 60")];
    let leader: ProcessRef | undefined;
    const result = await run(argv, { timeoutMs: 100, onSpawn: (found) => (leader = found) });
    expect(result).toMatchObject({ end: "timed-out", exitCode: undefined });
    expect(leader?.startTicks).toBeGreaterThan(0);
  });

  test("ends at once when aborted", async () => {
    const abort = new AbortController();
    const argv = [await program("wait", "sleep 60")];
    const result = run(argv, { signal: abort.signal, onSpawn: () => abort.abort() });
    expect((await result).end).toBe("aborted");
  });

  test("does not wait for a daemon that keeps the output open", async () => {
    const argv = [await program("daemon", "sleep 60 & echo started")];
    let leader: ProcessRef | undefined;
    const result = await run(argv, { onSpawn: (found) => (leader = found) });
    expect(result).toMatchObject({ end: "exited", exitCode: 0 });
    const processes = new LinuxProcesses();
    const left = await processes.find({ sessions: [leader?.pid ?? 0], environment: {} });
    expect(left).toHaveLength(1);
    processes.signal(left, "SIGKILL");
    await untilGone(processes, leader?.pid ?? 0);
  });

  test("a program that is no program cannot be started", async () => {
    await writeFile(path("text"), "not a program");
    await chmod(path("text"), 0o644);
    await expect(run([`${DIRECTORY}/text`])).rejects.toMatchObject({ code: "CannotStart" });
  });
});

async function untilGone(processes: LinuxProcesses, session: number): Promise<void> {
  while ((await processes.find({ sessions: [session], environment: {} })).length > 0)
    await new Promise((resolve) => setImmediate(resolve));
}

describe("finding what commands left behind", () => {
  test("a daemon that made its own session is found by the environment it inherited", async () => {
    const marker = { UNDERSTUDY_NODE: environment.UNDERSTUDY_NODE, UNDERSTUDY_GROUP: "failover1" };
    const argv = [await program("setsid", "setsid sleep 60 >/dev/null 2>&1 & exit 0")];
    await run(argv);
    const processes = new LinuxProcesses();
    const left = await processes.find({ sessions: [], environment: marker });
    expect(left.length).toBeGreaterThan(0);
    expect(await processes.find({ sessions: [], environment: { ...marker, UNDERSTUDY_GROUP: "other" } })).toEqual([]);
    processes.signal(left, "SIGKILL");
    while ((await processes.find({ sessions: [], environment: marker })).length > 0)
      await new Promise((resolve) => setImmediate(resolve));
  });

  test("an empty selector finds nothing", async () => {
    expect(await new LinuxProcesses().find({ sessions: [], environment: {} })).toEqual([]);
  });
});

describe("which programs may run", () => {
  const refused = { code: "CommandNotAllowed" };

  test("a name outside the allowed directories is refused", async () => {
    await expect(commands().check(["/bin/sh"])).rejects.toMatchObject(refused);
    await expect(commands().check(["sh"])).rejects.toMatchObject(refused);
    await expect(commands().check([`${DIRECTORY}/../../../bin/sh`])).rejects.toMatchObject(refused);
    await expect(commands().check([`${DIRECTORY}x/app`])).rejects.toMatchObject(refused);
    await expect(commands().check([])).rejects.toMatchObject(refused);
  });

  test("a link out of the directory is refused, one inside it is followed", async () => {
    await writeFile(join(root, "opt/evil"), "#!/bin/sh\n");
    await symlink(join(root, "opt/evil"), path("link-out"));
    await expect(commands().check([`${DIRECTORY}/link-out`])).rejects.toThrow(/leads out/);
    await program("target", "exit 0");
    await symlink("target", path("link-in"));
    await expect(commands().check([`${DIRECTORY}/link-in`])).resolves.toBeUndefined();
  });

  test("a file or folder that others may write is refused", async () => {
    const loose = await program("loose", "exit 0", 0o775);
    await expect(commands().check([loose])).rejects.toThrow(/written by others/);
    await mkdir(path("open"));
    await chmod(path("open"), 0o777);
    const inside = await program("open/app", "exit 0");
    await expect(commands().check([inside])).rejects.toThrow(/written by others/);
  });

  test("a missing program is refused and not run", async () => {
    await expect(run([`${DIRECTORY}/missing`])).rejects.toMatchObject(refused);
  });

  test("another owner is refused", async () => {
    const foreign = new LinuxCommands(
      { directories: [DIRECTORY], hostRoot: root, ownerId: 4_242 },
      { clock: systemClock },
    );
    await expect(foreign.check([await program("foreign", "exit 0")])).rejects.toThrow(/belongs to user/);
    expect(await readFile(path("foreign"), "utf8")).toContain("exit 0");
  });
});

/**
 * A sandbox leaves nothing behind: not after Ctrl-C, not after its launcher was killed and the next one started, not
 * after its orchestrator was killed. Processes, namespaces, links, addresses, routes, mounts and files are compared.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/host/system-clock.ts";
import { sleep } from "../../src/lib/clock.ts";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { pidsWithEnvironment, SANDBOX_MARKER } from "../../src/sandbox/launcher/processes.ts";
import type { SandboxRecord } from "../../src/sandbox/launcher/state-directory.ts";
import { hostState, leftoversOf } from "./host-state.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const reason = await whyNoNamespaces("f00f00");
const modes = reason === undefined ? (["namespaces", "loopback"] as const) : (["loopback"] as const);

const running: Pick<Running, "launcher" | "ended">[] = [];
afterEach(async () => {
  for (const { launcher, ended } of running.splice(0)) {
    launcher.kill("SIGTERM");
    await ended;
  }
});

interface Running {
  readonly launcher: ChildProcess;
  readonly id: string;
  /** Its exit code. */
  readonly ended: Promise<number>;
}

/** Starts a sandbox and resolves when its group serves, so that everything that can be left behind is there. */
async function start(...flags: string[]): Promise<Running> {
  const launcher = spawn(process.execPath, [MAIN, "sandbox", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(launcher, "exit").then(([code]) => Number(code ?? -1));
  running.push({ launcher, ended });
  let text = "";
  launcher.stdout?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await until(
    () => text.includes("machines are up"),
    "the machines to be up",
    () => text,
  );
  const id = /understudy sandbox ([0-9a-f]{6})/.exec(text)?.[1] ?? "";
  return { launcher, id, ended };
}

async function until(done: () => boolean, what: string, detail: () => string = () => ""): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (done()) return;
    await sleep(systemClock, 50);
  }
  throw new Error(`waited 30 s for ${what}: ${detail()}`);
}

function orchestratorOf(id: string): number {
  const found = pidsWithEnvironment(SANDBOX_MARKER, id).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("sandbox/world/main.ts"),
  );
  if (found === undefined) throw new Error("no orchestrator");
  return found;
}

describe.each(modes)("a sandbox in mode %s", (mode) => {
  it("leaves nothing behind after Ctrl-C", async () => {
    const before = await hostState();
    const { launcher, id, ended } = await start("--mode", mode);
    expect(leftoversOf(id).length).toBeGreaterThan(5);
    launcher.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(leftoversOf(id)).toEqual([]);
    expect(await hostState()).toEqual(before);
  });

  it("ends with a launcher that was killed, and the next start clears the rest", async () => {
    const before = await hostState();
    const first = await start("--mode", mode);
    first.launcher.kill("SIGKILL");
    await first.ended;
    await until(() => pidsWithEnvironment(SANDBOX_MARKER, first.id).length === 0, "every process to end");
    expect(existsSync(join(tmpdir(), `understudy-sandbox-${first.id}`))).toBe(true);
    const second = await start("--mode", mode);
    expect(readdirSync(tmpdir())).not.toContain(`understudy-sandbox-${first.id}`);
    second.launcher.kill("SIGTERM");
    await second.ended;
    expect([...leftoversOf(first.id), ...leftoversOf(second.id)]).toEqual([]);
    expect(await hostState()).toEqual(before);
  });

  it("clears up when its orchestrator is killed", async () => {
    const before = await hostState();
    const { id, ended } = await start("--mode", mode);
    process.kill(orchestratorOf(id), "SIGKILL");
    expect(await ended).toBe(3);
    expect(leftoversOf(id)).toEqual([]);
    expect(await hostState()).toEqual(before);
  });
});

describe("the janitor", () => {
  it("leaves a sandbox alone whose launcher lives", async () => {
    const first = await start("--mode", "loopback");
    const second = await start("--mode", "loopback");
    const record = join(tmpdir(), `understudy-sandbox-${first.id}`, "sandbox.json");
    const { launcherPid } = JSON.parse(readFileSync(record, "utf8")) as SandboxRecord;
    expect(launcherPid).toBe(first.launcher.pid);
    for (const running of [first, second]) {
      running.launcher.kill("SIGTERM");
      await running.ended;
    }
    expect(existsSync(record)).toBe(false);
  });
});

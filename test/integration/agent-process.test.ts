/** The agent as a process (guard and worker) against the embedded API server: its life, its death, and its next life. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LEASE, LEASE_ANNOTATIONS, type Lease, type NodeFacts } from "../../src/api/session-lease.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import { RestKubeApi } from "../../src/kube/rest-client.ts";
import { processFacts } from "../../src/nodeagent/linux/processes.ts";
import { type RunningApiServer, runApiServer } from "../../src/sandbox/apiserver/main.ts";

const PROGRAM = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const NAMESPACE = "understudy-system";
const ADDRESS = "127.0.0.43";
/** Guard and worker together, proportional set size, in MB (issue: at most 120). */
const MAX_MEMORY_MB = 120;

let folder: string;
let server: RunningApiServer;
let api: RestKubeApi;
const agents: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "understudy-agent-"));
  server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 }, autoCreateNamespaces: true });
  const connection = { baseUrl: `http://127.0.0.1:${server.port}` };
  api = new RestKubeApi({ connection, timeoutMs: 2_000, fieldManager: "test" }, { clock: systemClock });
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await ended(agent, "SIGKILL");
});

afterAll(async () => {
  api.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Agent {
  readonly process: ChildProcess;
  readonly output: () => string;
}

function start(node: string): Agent {
  const root = join(folder, node, "root");
  mkdirSync(root, { recursive: true });
  const flags = {
    node,
    namespace: NAMESPACE,
    "api-server": `http://127.0.0.1:${server.port}`,
    preset: "fast",
    "peer-address": ADDRESS,
    "peer-port": "0",
    "metrics-address": ADDRESS,
    "metrics-port": "0",
    "state-dir": join(folder, node, "run"),
    "host-root": root,
    "address-backend": "file",
    "watchdog-mode": "Off",
  };
  const argv = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.execPath, [PROGRAM, "agent", ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  agents.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return { process: child, output: () => output };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
  return child.exitCode;
}

async function ending({ process: child }: Agent): Promise<void> {
  if (child.exitCode === null) await once(child, "exit");
}

function hostProgram(bin: string, name: string, script: string): void {
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

async function lease(node: string): Promise<Lease | undefined> {
  return await api.get<Lease>(LEASE, { namespace: NAMESPACE, name: node });
}

/** The holder of the node's Lease once it is another than `before`. */
async function holder(node: string, before?: string): Promise<string> {
  return await until(async () => {
    const found = (await lease(node))?.spec?.holderIdentity;
    return found === before ? undefined : found;
  });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const end = systemClock.monotonicMs() + 15_000; systemClock.monotonicMs() < end;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => void systemClock.setTimer(20, resolve));
  }
  throw new Error("did not happen within 15 s");
}

async function workerOf(node: string): Promise<number> {
  return await until(async () => {
    try {
      const record = JSON.parse(readFileSync(join(folder, node, "run", "holdings.json"), "utf8")) as {
        holdings: { kind: string; processGroup: number }[];
      };
      return record.holdings.find((holding) => holding.kind === "process-group")?.processGroup;
    } catch {
      return undefined; // not written yet
    }
  });
}

function memoryMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN) / 1_024;
}

describe("the agent as a process", () => {
  test("acquires a session with its facts, and releases it when asked to stop", async () => {
    const agent = start("n1");
    await holder("n1");
    const annotations = (await lease("n1"))?.metadata.annotations ?? {};
    const facts = JSON.parse(annotations[LEASE_ANNOTATIONS.facts] ?? "{}") as NodeFacts;
    expect(facts).toMatchObject({ watchdog: "None", version: expect.any(String) as string });
    expect(annotations[LEASE_ANNOTATIONS.publicKey]).toMatch(/^[A-Za-z0-9+/=]+$/);
    expect(await ended(agent.process, "SIGTERM")).toBe(0);
    expect((await lease("n1"))?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Released");
  });

  test("a second one for the same node refuses to start", async () => {
    start("n2");
    await holder("n2");
    const second = start("n2");
    await once(second.process, "exit");
    expect(second.process.exitCode).toBe(1);
    expect(second.output()).toContain("another agent runs on node n2");
  });

  test("killed: its worker dies with it, and the next life is a new session", async () => {
    const agent = start("n3");
    const first = await holder("n3");
    const worker = await workerOf("n3");
    await ended(agent.process, "SIGKILL");
    await until(async () => (processFacts(worker) === undefined ? true : undefined));
    start("n3");
    expect(await holder("n3", first)).not.toBe(first);
  });

  test("killed while its worker is stopped and an address is up: the next life ends both before its session", async () => {
    const agent = start("n4");
    const first = await holder("n4");
    const worker = await workerOf("n4");
    process.kill(worker, "SIGSTOP");
    await ended(agent.process, "SIGKILL");
    const run = join(folder, "n4", "run");
    writeFileSync(join(run, "addresses.json"), '["10.9.0.1"]');
    start("n4");
    await holder("n4", first);
    expect(processFacts(worker)?.isZombie ?? true).toBe(true);
    expect(readFileSync(join(run, "addresses.json"), "utf8")).toBe("[]");
  });

  test("a killed worker is replaced", async () => {
    start("n5");
    await holder("n5");
    const worker = await workerOf("n5");
    process.kill(worker, "SIGKILL");
    await until(async () => ((await workerOf("n5")) === worker ? undefined : true));
  });

  test("a machine that is shut down from outside: the agent ends in order by itself [REQ 5.3.8]", async () => {
    const agent = start("n7");
    await holder("n7");
    const run = join(folder, "n7", "root", "run", "systemd", "shutdown");
    mkdirSync(run, { recursive: true });
    writeFileSync(join(run, "scheduled"), `USEC=${systemClock.wallMs() * 1_000}\nMODE=poweroff\n`);
    await ending(agent);
    expect(agent.process.exitCode).toBe(0);
    expect((await lease("n7"))?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Released");
  });

  test("a shutdown that systemd announces is held up until the agent has ended in order [REQ 5.3.8]", async () => {
    const bin = join(folder, "n8", "root", "usr", "bin");
    const [heldUp, announce] = [join(folder, "held-up"), join(folder, "announce")];
    const signal = '{"type":"signal","member":"PrepareForShutdown","payload":{"type":"b","data":[true]}}';
    hostProgram(bin, "systemd-inhibit", `echo begin > ${heldUp}; cat; echo end >> ${heldUp}`);
    hostProgram(bin, "busctl", `while [ ! -e ${announce} ]; do sleep 0.05; done; echo '${signal}'; sleep 60`);
    const agent = start("n8");
    await holder("n8");
    await until(async () => (existsSync(heldUp) ? true : undefined));
    expect(readFileSync(heldUp, "utf8")).toBe("begin\n");
    writeFileSync(announce, "");
    await ending(agent);
    expect(agent.process.exitCode).toBe(0);
    expect((await lease("n8"))?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Released");
  });

  test("guard and worker stay small", async () => {
    const agent = start("n6");
    await holder("n6");
    const worker = await workerOf("n6");
    await until(async () => (memoryMb(worker) > 20 ? true : undefined));
    expect(memoryMb(agent.process.pid ?? 0) + memoryMb(worker)).toBeLessThan(MAX_MEMORY_MB);
  });
});

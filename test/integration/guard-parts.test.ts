/** The parts of the guard that touch the operating system, on real processes and sockets. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/host/system-clock.ts";
import { ForkedWorkers } from "../../src/nodeagent/guard/fork-worker.ts";
import { HardCut } from "../../src/nodeagent/guard/hard-cut.ts";
import { becomeOnlyGuard } from "../../src/nodeagent/guard/only-guard.ts";
import { LinuxProcesses, processFacts } from "../../src/nodeagent/linux/processes.ts";
import { udpDatagrams } from "../../src/nodeagent/heartbeat/udp.ts";
import { FakeAddresses } from "../fakes/fake-addresses.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-guard-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const MARK = { UNDERSTUDY_NODE: `test-${process.pid}` };

function hardCut(): HardCut {
  const addresses = new FakeAddresses();
  const modules = { processes: new LinuxProcesses(), addresses, connections: addresses, clock: systemClock };
  return new HardCut({ commandEnvironment: MARK }, modules);
}

function isRunning(pid: number): boolean {
  return processFacts(pid)?.isZombie === false;
}

test("a second guard of the same node refuses to start until the first has ended", async () => {
  const first = await becomeOnlyGuard("n1", folder);
  await expect(becomeOnlyGuard("n1", folder)).rejects.toThrow("another agent runs on node n1");
  first.release();
  const second = await becomeOnlyGuard("n1", folder);
  second.release();
});

describe("hard cut", () => {
  test("ends a recorded process group, and a daemon that left it but inherited its environment", async () => {
    const environment = { PATH: process.env["PATH"], ...MARK };
    const script = "setsid sleep 60 & sleep 60 & echo started; wait";
    const child = spawn("sh", ["-c", script], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
      env: environment,
    });
    await once(child.stdout, "data");
    const pid = child.pid ?? 0;
    const holding = {
      kind: "process-group" as const,
      processGroup: pid,
      startTicks: processFacts(pid)?.startTicks ?? 0,
    };
    expect(await hardCut().proof([holding])).not.toEqual([]);
    expect(await hardCut().attempt([holding], () => undefined)).toEqual([]);
    expect(await new LinuxProcesses().find({ sessions: [], environment: MARK })).toEqual([]);
  });

  test("leaves a later process with a recorded number alone", async () => {
    const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    const startTicks = (processFacts(pid)?.startTicks ?? 0) + 1;
    expect(
      await hardCut().attempt([{ kind: "process-group", processGroup: pid, startTicks }], () => undefined),
    ).toEqual([]);
    expect(isRunning(pid)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});

describe("a forked worker", () => {
  const workers = (text: string): ForkedWorkers => {
    const program = join(folder, "worker.mjs");
    writeFileSync(program, text);
    return new ForkedWorkers({ program, argv: [], environment: { PATH: process.env["PATH"] }, execArgv: [] });
  };

  test("speaks over its channel, leads a session of its own, and is lost when killed", async () => {
    const heard = Promise.withResolvers<unknown>();
    const lost = Promise.withResolvers<void>();
    const worker = workers(`process.on("message", (message) => process.send({ echo: message }));`).start({
      onMessage: heard.resolve,
      onLost: lost.resolve,
    });
    worker.send({ type: "session", session: "n1_x" });
    expect(await heard.promise).toEqual({ echo: { type: "session", session: "n1_x" } });
    expect(processFacts(worker.process.pid)).toMatchObject({ session: worker.process.pid });
    expect(worker.process.startTicks).toBeGreaterThan(0);
    worker.kill();
    await lost.promise;
    worker.kill();
  });

  test("that is stopped is cut all the same", async () => {
    const ready = Promise.withResolvers<unknown>();
    const worker = workers(`process.send("ready"); setInterval(() => undefined, 1000);`).start({
      onMessage: ready.resolve,
      onLost: () => undefined,
    });
    await ready.promise;
    process.kill(worker.process.pid, "SIGSTOP");
    const { processGroup, startTicks } = worker.process;
    const left = await hardCut().attempt([{ kind: "process-group", processGroup, startTicks }], () => worker.kill());
    expect(left).toEqual([]);
    expect(isRunning(worker.process.pid)).toBe(false);
  });
});

test("datagrams travel between two addresses of one port", async () => {
  const first = await udpDatagrams({ address: "127.0.0.41", port: 0 });
  const second = await udpDatagrams({ address: "127.0.0.42", port: first.port });
  const arrived = Promise.withResolvers<Uint8Array>();
  second.onReceive(arrived.resolve);
  first.send(Buffer.from("hello"), "127.0.0.42");
  expect(Buffer.from(await arrived.promise).toString()).toBe("hello");
  first.close();
  second.close();
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { expect, it, vi } from "vitest";
import { killAll, pidsRunningFrom, pidsWithEnvironment, SANDBOX_MARKER, startTicksOf, stopAll } from "./processes.ts";

it("finds by marker what a process started, stops it and kills it, and nothing else", async () => {
  const id = randomUUID();
  const script = 'require("child_process").spawn("sleep",["60"]);setInterval(()=>{},1000);process.stdout.write("up")';
  const child = spawn(process.execPath, ["-e", script], { env: { PATH: process.env["PATH"], [SANDBOX_MARKER]: id } });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  const find = (): number[] => pidsWithEnvironment(SANDBOX_MARKER, id);
  await vi.waitUntil(() => find().length === 2);
  expect(find()).toContain(child.pid);
  expect(startTicksOf(child.pid ?? 0)).toBeGreaterThan(0);
  expect(stopAll(find)).toHaveLength(2);
  for (const pid of find()) {
    await vi.waitUntil(() => /\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
  }
  expect(killAll(find)).toBe(2);
  await ended;
  expect(find()).toEqual([]);
  expect(startTicksOf(child.pid ?? 0)).toBeUndefined();
});

it("finds a program of a machine that was started with a clean environment, and not who merely reads its files", async () => {
  const directory = mkdtempSync(join(tmpdir(), "us-programs-"));
  const program = join(directory, "root", "service");
  mkdirSync(join(directory, "root"));
  writeFileSync(program, "#!/bin/sh\nsleep 60 &\necho up\nwait\n", { mode: 0o755 });
  const service = spawn(program, [], { env: {}, stdio: ["ignore", "pipe", "inherit"], detached: true });
  const reader = spawn("tail", ["-f", program], { stdio: "ignore" });
  const ended = [once(service, "exit"), once(reader, "exit")];
  await once(service.stdout, "data");
  // A shell's child looks like the shell until it executes its own program.
  await vi.waitFor(() => expect(pidsRunningFrom(join(directory, "root"))).toEqual([service.pid]));
  process.kill(-(service.pid ?? 0), "SIGKILL");
  reader.kill("SIGKILL");
  await Promise.all(ended);
  rmSync(directory, { recursive: true });
});

it("kills nothing when nothing is found", () => {
  expect(killAll(() => [])).toBe(0);
});

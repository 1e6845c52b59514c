import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "understudy-apiserver-process-"));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** A server process and the URL it serves. */
async function start(...flags: string[]): Promise<{ child: ChildProcess; url: string }> {
  const argv = [MAIN, "sandbox-apiserver", "--listen", "127.0.0.1:0", ...flags];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
  const address = /listening on (\S+)/.exec(line.toString())?.[1];
  return { child, url: `http://${address}/api/v1/namespaces/default/configmaps` };
}

describe("the process", () => {
  test("keeps what it answered through kill -9, and ends with 0 on SIGTERM", async () => {
    const data = join(directory, "journal");
    const first = await start("--data", data);
    const body = JSON.stringify({ metadata: { name: "kept" } });
    const headers = { "content-type": "application/json" };
    expect((await fetch(first.url, { method: "POST", body, headers })).status).toBe(201);
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    const second = await start("--data", data);
    expect((await fetch(`${second.url}/kept`)).status).toBe(200);
    second.child.kill("SIGTERM");
    expect(await once(second.child, "exit")).toEqual([0, null]);
  }, 30_000);

  test("ends with 2 and its usage when it is told nothing to listen on", async () => {
    const child = spawn(process.execPath, [MAIN, "sandbox-apiserver"], { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    const [text] = (await once(child.stderr ?? child, "data")) as [Buffer];
    expect(text.toString()).toContain("Usage: understudy sandbox-apiserver");
    expect(await once(child, "exit")).toEqual([2, null]);
  }, 30_000);
});

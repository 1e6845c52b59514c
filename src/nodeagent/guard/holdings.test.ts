import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryFile, VIP } from "../../../test/builders/guard.ts";
import type { Holding } from "../guard-protocol.ts";
import { DurableFile } from "./durable-file.ts";
import { Holdings } from "./holdings.ts";

const GROUP: Holding = { kind: "process-group", processGroup: 42, startTicks: 7 };

async function loaded(file: MemoryFile, bootId: string): Promise<Holdings> {
  const holdings = new Holdings(file, bootId);
  await holdings.load();
  return holdings;
}

describe("holdings", () => {
  test("are found by the next life", async () => {
    const file = new MemoryFile();
    const first = await loaded(file, "boot");
    await first.add(VIP);
    await first.add(GROUP);
    first.setWatchdogArmed(true);
    await first.save();
    const next = await loaded(file, "boot");
    expect(next.all).toEqual([VIP, GROUP]);
    expect(next.isWatchdogArmed).toBe(true);
  });

  test("of another boot count without its processes and its watchdog", async () => {
    const file = new MemoryFile();
    const first = await loaded(file, "boot");
    await first.add(VIP);
    await first.add(GROUP);
    const next = await loaded(file, "another boot");
    expect(next.all).toEqual([VIP]);
    expect(next.isWatchdogArmed).toBe(false);
  });

  test("an addition during a write is durable when its own promise resolves", async () => {
    const file = new MemoryFile();
    const gate = Promise.withResolvers<void>();
    file.gate = gate.promise;
    const holdings = await loaded(file, "boot");
    const first = holdings.add(VIP);
    const second = holdings.add(GROUP).then(() => file.text);
    gate.resolve();
    await first;
    expect(await second).toContain('"processGroup":42');
  });

  test("a write that fails refuses its addition, not the next one", async () => {
    const file = new MemoryFile();
    const holdings = await loaded(file, "boot");
    file.isBroken = true;
    await expect(holdings.add(VIP)).rejects.toThrow("no space");
    file.isBroken = false;
    await holdings.add(GROUP);
    expect(file.text).toContain('"processGroup":42');
  });

  test.each(["", "{", "[]", '{"version":1}', '{"version":1,"bootId":"b","holdings":[{"kind":"x"}]}'])(
    "a record %j is no proof of anything",
    async (text) => {
      const file = new MemoryFile();
      file.text = text;
      await expect(loaded(file, "boot")).rejects.toThrow();
    },
  );
});

test("a durable file is replaced as a whole, and absent at first", async () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-state-"));
  try {
    const file = new DurableFile(join(folder, "deeper", "record.json"));
    expect(await file.read()).toBeUndefined();
    await file.write("one");
    await file.write("two");
    expect(await file.read()).toBe("two");
    expect(readFileSync(join(folder, "deeper", "record.json"), "utf8")).toBe("two");
    writeFileSync(join(folder, "deeper", "record.json"), "\0\0");
    expect(await file.read()).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

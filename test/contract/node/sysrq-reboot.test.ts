import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { silentLog } from "../../../src/lib/log.ts";
import { SysrqReboot } from "../../../src/nodeagent/linux/sysrq-reboot.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "us-sysrq-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function rebootIn(hostRoot: string): Promise<void> {
  const clock = new FakeClock();
  const done = new SysrqReboot({ hostRoot }, { clock, log: silentLog }).now("a test");
  await clock.advance(10_000);
  await done;
}

test("syncs, remounts read-only and boots, by the host's own switch", async () => {
  const trigger = join(folder, "a/proc/sysrq-trigger");
  mkdirSync(join(folder, "a/proc"), { recursive: true });
  writeFileSync(trigger, "");
  await rebootIn(join(folder, "a"));
  expect(readFileSync(trigger, "utf8")).toBe("sub");
});

test("where there is no such switch nothing is made in its place", async () => {
  mkdirSync(join(folder, "b/proc"), { recursive: true });
  await rebootIn(join(folder, "b"));
  expect(existsSync(join(folder, "b/proc/sysrq-trigger"))).toBe(false);
});

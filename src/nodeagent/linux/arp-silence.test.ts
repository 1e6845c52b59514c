import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { DurableFile } from "../guard/durable-file.ts";
import { LinuxArpSilence } from "./arp-silence.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function setup(ignore: number, announce: number) {
  const folder = await mkdtemp(join(tmpdir(), "arp-"));
  folders.push(folder);
  const set = async (arpIgnore: number, arpAnnounce: number): Promise<void> => {
    await writeFile(join(folder, "arp_ignore"), `${arpIgnore}\n`);
    await writeFile(join(folder, "arp_announce"), `${arpAnnounce}\n`);
  };
  await set(ignore, announce);
  const values = async (): Promise<string> =>
    (await Promise.all(["arp_ignore", "arp_announce"].map((name) => readFile(join(folder, name), "utf8"))))
      .map((text) => text.trim())
      .join(" ");
  const life = (bootId = "boot-1"): LinuxArpSilence =>
    new LinuxArpSilence({ bootId, folder }, { record: new DurableFile(join(folder, "arp.json")), log: silentLog });
  return { folder, set, values, life };
}

describe("silence about addresses of the loopback", () => {
  test("lasts while any address needs it, and ends with what was there before", async () => {
    const { values, life } = await setup(0, 0);
    const silence = life();
    await Promise.all([silence.keep("10.5.0.200"), silence.keep("10.5.0.201")]);
    expect(await values()).toBe("1 2");
    expect(await silence.isKept()).toBe(true);
    await silence.end("10.5.0.200");
    expect(await values()).toBe("1 2");
    await silence.end("10.5.0.201");
    expect(await values()).toBe("0 0");
  });

  test("never lowers what somebody has made stricter", async () => {
    const { values, life } = await setup(8, 1);
    const silence = life();
    await silence.keep("10.5.0.200");
    expect(await values()).toBe("8 2");
    await silence.end("10.5.0.200");
    expect(await values()).toBe("8 1");
  });

  test("that a killed life left is ended by the next one", async () => {
    const { values, life } = await setup(0, 1);
    await life().keep("10.5.0.200");
    await life().restore();
    expect(await values()).toBe("0 1");
  });

  test("survives a life that begins again before it was ended", async () => {
    const { values, life } = await setup(0, 0);
    await life().keep("10.5.0.200");
    const second = life();
    await second.keep("10.5.0.200");
    await second.end("10.5.0.200");
    expect(await values()).toBe("0 0");
  });

  test("does not put back over somebody's later change, nor over another boot's settings", async () => {
    const { set, values, life } = await setup(0, 0);
    const silence = life();
    await silence.keep("10.5.0.200");
    await set(2, 2);
    await silence.end("10.5.0.200");
    expect(await values()).toBe("2 2");
    await set(0, 0);
    await silence.keep("10.5.0.200");
    await life("boot-2").restore();
    expect(await values()).toBe("1 2");
  });

  test("that somebody ended is noticed", async () => {
    const { set, life } = await setup(0, 0);
    const silence = life();
    await silence.keep("10.5.0.200");
    await set(0, 2);
    expect(await silence.isKept()).toBe(false);
  });

  test("that cannot be had says which settings are needed", async () => {
    const { folder, life } = await setup(0, 0);
    await rm(join(folder, "arp_ignore"));
    await expect(life().keep("10.5.0.200")).rejects.toThrow(/net.ipv4.conf.all.arp_ignore = 1/);
  });
});

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { LinuxAddresses, readLinks } from "../../../src/nodeagent/linux/addresses.ts";
import { FILE_INTERFACE, FileAddresses } from "../../../src/nodeagent/linux/file-addresses.ts";
import { FakeAddresses } from "../../fakes/fake-addresses.ts";
import { addressPortContract } from "./addresses.suite.ts";
import { inNamespace, namespaceReason } from "./namespace.ts";

const run = promisify(execFile);

describe("the fake", () => {
  addressPortContract(async () => {
    const port = new FakeAddresses();
    return {
      port,
      interface: "eth0",
      tamper: async (verb, address) => port.tamper("eth0", address, verb),
      close: async () => undefined,
    };
  });
});

describe("the file backend", () => {
  addressPortContract(async () => {
    const dir = await mkdtemp(join(tmpdir(), "understudy-addresses-"));
    const path = join(dir, "addresses.json");
    return {
      port: new FileAddresses(path),
      interface: FILE_INTERFACE,
      tamper: async (verb, address) => writeFile(path, verb === "add" ? JSON.stringify([address]) : "[]"),
      close: async () => rm(dir, { recursive: true, force: true }),
    };
  });
});

describe.skipIf(namespaceReason !== undefined)(`iproute2 in a throw-away namespace${namespaceReason ?? ""}`, () => {
  addressPortContract(async () => {
    const namespace = await inNamespace();
    const port = new LinuxAddresses({ clock: systemClock, command: namespace.command });
    return {
      port,
      interface: "lo",
      tamper: async (verb, address) => {
        await run("ip", [
          "-n",
          namespace.name,
          "addr",
          verb === "add" ? "replace" : "del",
          `${address}/32`,
          "dev",
          "lo",
        ]).catch(() => undefined);
      },
      close: async () => {
        port.close();
        await namespace.close();
      },
    };
  });

  test("a word that is no interface or no address never reaches ip", async () => {
    const port = new LinuxAddresses({ clock: systemClock });
    await expect(port.add("lo\nlink set lo down", "10.1.0.20")).rejects.toMatchObject({ code: "Malformed" });
    await expect(port.add("lo", "10.1.0.20/8 dev eth0")).rejects.toMatchObject({ code: "Malformed" });
    port.close();
  });
});

describe("reading ip's JSON", () => {
  test("takes IPv4 only and lower-cases the MAC", () => {
    const facts = readLinks([
      {
        ifname: "eth0",
        address: "02:AB:00:00:00:01",
        flags: ["UP"],
        addr_info: [
          { family: "inet", local: "10.0.1.10", prefixlen: 24, label: "eth0" },
          { family: "inet6", local: "fe80::1", prefixlen: 64 },
        ],
      },
      {},
    ]);
    expect(facts).toEqual([
      {
        name: "eth0",
        mac: "02:ab:00:00:00:01",
        isUp: true,
        addresses: [{ address: "10.0.1.10", prefixLength: 24, label: "eth0" }],
      },
    ]);
  });

  test("anything but a list is an error, never an empty node", () => {
    expect(() => readLinks({})).toThrow(/no list/);
  });
});

import { describe, expect, test } from "vitest";
import { stepContext } from "../../../test/builders/step-context.ts";
import { FakeAddresses } from "../../../test/fakes/fake-addresses.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeProcesses } from "../../../test/fakes/fake-processes.ts";
import { HardCut } from "../guard/hard-cut.ts";
import type { AddressPlan } from "../worker/part-plan.ts";
import { AddressPart, chooseInterface } from "./address-part.ts";
import { strayAddresses } from "./strays.ts";

const plan: AddressPlan = {
  kind: "address",
  key: "vip",
  resource: "vip",
  onFailure: "Failover",
  monitor: undefined,
  startTimeoutMs: 1,
  stopTimeoutMs: 1,
  needs: [],
  address: "10.1.0.20",
  interfaces: [],
  missingReason: "AddressMissing",
};

function setup(changed: Partial<AddressPlan> = {}) {
  const addresses = new FakeAddresses({
    lo: { mac: "00:00:00:00:00:00", addresses: ["127.0.0.1"] },
    eth0: { mac: "02:00:00:00:00:01" },
    eth1: { mac: "02:00:00:00:00:02", addresses: ["10.0.1.10"] },
  });
  const { held, guard, abort, context } = stepContext();
  const silence: string[] = [];
  const arp = {
    isKept: () => Promise.resolve(silence.at(-1)?.startsWith("keep") === true),
    keep: async (address: string) => void silence.push(`keep ${address} held=${addresses.holds(address)}`),
    end: async (address: string) => void silence.push(`end ${address} held=${addresses.holds(address)}`),
  };
  const part = new AddressPart(
    { ...plan, ...changed },
    { addresses, arp, announcer: addresses, connections: addresses, nodeAddress: () => "10.0.1.10" },
  );
  return { addresses, silence, held, guard, abort, context, part };
}

describe("the address of a group", () => {
  test("is put on the interface of the node's own address, noted before, announced after", async () => {
    const { part, context, addresses, held } = setup();
    expect(await part.start(context)).toEqual({ ok: true });
    expect(addresses.held.get("eth1")).toContain("10.1.0.20");
    expect(addresses.announced).toEqual(["eth1 10.1.0.20"]);
    expect(held).toEqual([{ kind: "address", interface: "eth1", cidr: "10.1.0.20/32" }]);
    expect(await part.check()).toEqual({ result: "good" });
  });

  test("is not brought up when the guard refuses, or when it should end early", async () => {
    const refused = setup();
    refused.guard.allows = false;
    expect(await refused.part.start(refused.context)).toMatchObject({ ok: false });
    const aborted = setup();
    aborted.abort.abort();
    expect(await aborted.part.start(aborted.context)).toMatchObject({ ok: false });
    expect(refused.addresses.holds("10.1.0.20") || aborted.addresses.holds("10.1.0.20")).toBe(false);
  });

  test("is removed from every interface, with its connections reset before", async () => {
    const { part, context, addresses, held } = setup();
    await part.start(context);
    addresses.tamper("eth0", "10.1.0.20", "add");
    expect(await part.stop(context)).toEqual({ ok: true });
    expect(addresses.holds("10.1.0.20")).toBe(false);
    expect(addresses.resets).toEqual([{ addresses: ["10.1.0.20"], ports: [] }]);
    expect(held).toEqual([]);
  });

  test("that cannot be read is not called down", async () => {
    const { part, context, addresses } = setup();
    addresses.failure = new Error("ip is gone");
    expect(await part.stop(context)).toMatchObject({ ok: false });
    expect(await part.check()).toMatchObject({ result: "unknown" });
  });

  test("that is missing is proven wrong at once", async () => {
    const { part } = setup();
    expect(await part.check()).toMatchObject({ result: "bad", reason: "AddressMissing", isProven: true });
  });

  test("whose interface does not exist says so", async () => {
    const { part, context } = setup({ interfaces: ["ens9"] });
    expect(await part.start(context)).toMatchObject({ ok: false, message: expect.stringMatching(/ens9/) as string });
  });
});

describe("the frontend address of Direct Server Return", () => {
  const frontend = { missingReason: "FrontendMissing", interfaces: ["lo"], address: "10.5.0.200" } as const;

  test("is on the loopback while active, neighbours not being told before, meanwhile or afterwards [REQ 5.1 LB probe port DSR]", async () => {
    const { part, context, addresses, held, silence } = setup(frontend);
    expect(await part.start(context)).toEqual({ ok: true });
    expect(addresses.held.get("lo")).toContain("10.5.0.200");
    expect(addresses.announced).toEqual([]);
    expect(held).toEqual([{ kind: "address", interface: "lo", cidr: "10.5.0.200/32" }]);
    expect(await part.check()).toEqual({ result: "good" });
    expect(await part.stop(context)).toEqual({ ok: true });
    expect(addresses.holds("10.5.0.200")).toBe(false);
    expect(silence).toEqual(["keep 10.5.0.200 held=false", "end 10.5.0.200 held=false"]);
  });

  test("is missing when it is on another interface, or when neighbours may learn it", async () => {
    const { part, context, addresses, silence } = setup(frontend);
    addresses.tamper("eth0", "10.5.0.200", "add");
    expect(await part.check()).toMatchObject({ result: "bad", reason: "FrontendMissing" });
    await part.start(context);
    expect(await part.check()).toEqual({ result: "good" });
    silence.push("somebody changed the settings");
    expect(await part.check()).toMatchObject({ result: "bad", reason: "FrontendMissing", isProven: true });
  });

  test("is a failed activation when neighbours cannot be kept from learning it", async () => {
    const { part, context, addresses, silence } = setup(frontend);
    Object.defineProperty(silence, "push", {
      value: () => {
        throw new Error("read-only /proc/sys");
      },
    });
    expect(await part.start(context)).toMatchObject({ ok: false, message: "read-only /proc/sys" });
    expect(addresses.holds("10.5.0.200")).toBe(false);
  });

  test("is removed by the guard's hard cut when the worker hangs", async () => {
    const { part, context, addresses, held } = setup(frontend);
    await part.start(context);
    const cut = new HardCut(
      { commandEnvironment: {} },
      { processes: new FakeProcesses(), addresses, connections: addresses, clock: new FakeClock() },
    );
    expect(await cut.proof(held)).toContain("address 10.5.0.200 is on lo");
    await cut.attempt(held, () => undefined);
    expect(addresses.holds("10.5.0.200")).toBe(false);
  });
});

test("the interface is the one named, else that of the node's address, else the first that is up", async () => {
  const { addresses } = setup();
  const interfaces = await addresses.interfaces();
  expect(chooseInterface(interfaces, ["ens5", "eth0"], "10.0.1.10")).toBe("eth0");
  expect(chooseInterface(interfaces, [], "10.0.1.10")).toBe("eth1");
  expect(chooseInterface(interfaces, [], "10.9.9.9")).toBe("eth0");
});

describe("strays", () => {
  const facts = (address: string, prefixLength: number, label: string) => [
    { name: "eth0", mac: "", isUp: true, addresses: [{ address, prefixLength, label }] },
  ];
  const claims = { known: new Set(["10.1.0.20"]), granted: new Set<string>(), nodeAddress: "10.0.1.10" };
  const cases: readonly [string, ReturnType<typeof facts>, Partial<typeof claims>, boolean][] = [
    ["an address of a group that is not granted", facts("10.1.0.20", 32, ""), {}, true],
    ["an address with our label that no group knows", facts("10.1.0.99", 32, "eth0:us"), {}, true],
    ["an address that is granted", facts("10.1.0.20", 32, "eth0:us"), { granted: new Set(["10.1.0.20"]) }, false],
    [
      "the node's own address, whatever an object claims",
      facts("10.0.1.10", 32, "eth0"),
      { known: new Set(["10.0.1.10"]) },
      false,
    ],
    ["an address with a wider prefix", facts("10.1.0.20", 24, "eth0"), {}, false],
    ["an address of somebody else", facts("10.1.0.30", 32, "eth0"), {}, false],
  ];
  test.each(cases)("%s", (_name, interfaces, changed, isStray) => {
    expect(strayAddresses(interfaces, { ...claims, ...changed }).length > 0).toBe(isStray);
  });
});

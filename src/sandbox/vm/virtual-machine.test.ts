import { describe, expect, it } from "vitest";
import { FakeClock, settle } from "../../../test/fakes/fake-clock.ts";
import { silentLog } from "../../lib/log.ts";
import { twoZones } from "../network/topologies.ts";
import { VirtualMachine } from "./virtual-machine.ts";
import type { MachineParts } from "./virtual-machine.ts";

function machine(): { clock: FakeClock; vm: VirtualMachine; did: string[]; endAgent: (how: string) => void } {
  const clock = new FakeClock();
  const did: string[] = [];
  let exited: (how: string) => void = () => undefined;
  const note = (what: string) => (): Promise<void> => {
    did.push(what);
    return Promise.resolve();
  };
  const parts: MachineParts = {
    prepareBoot: note("prepare"),
    startAgent: (callback) => {
      did.push("agent");
      exited = callback;
    },
    announceShutdown: () => void did.push("announce"),
    pause: () => void did.push("pause"),
    resume: () => void did.push("resume"),
    killProcesses: () => void did.push("kill"),
    dropNetwork: note("drop network"),
    wireChanged: note("wire"),
    watchdogTimeoutMs: () => 2_000,
    newBootId: () => "boot",
  };
  const [place] = twoZones("abcdef").vms;
  if (place === undefined) throw new Error("the topology has a machine");
  const vm = new VirtualMachine(
    { place, bootMs: 1_000, agentRestartMs: 500 },
    { clock, log: silentLog, parts, heard: (event) => void did.push(`(${event})`) },
  );
  return { clock, vm, did, endAgent: (how) => exited(how) };
}

describe("virtual machine", () => {
  it("cuts the wire before it kills, so that no packet tells the others", async () => {
    const { vm, did } = machine();
    await vm.boot();
    did.length = 0;
    await vm.crash();
    expect(did).toEqual(["pause", "wire", "kill", "drop network", "(crashed)"]);
    expect(vm.wire).toMatchObject({ inboundCut: true, outboundCut: true });
  });

  it("is reset by its watchdog while it is frozen, and boots only when it is thawed", async () => {
    const { clock, vm, did } = machine();
    await vm.boot();
    vm.watchdog.written("\0");
    await vm.freeze();
    await clock.advance(5_000);
    expect(vm.power).toBe("off");
    expect(vm.resets).toBe(1);
    did.length = 0;
    const thawing = vm.thaw();
    await clock.advance(1_000);
    await thawing;
    expect(vm.power).toBe("running");
    expect(did).toEqual(["(thawed)", "prepare", "wire", "agent", "(booted)"]);
    expect(did).not.toContain("resume");
  });

  it("goes on where it stopped when no watchdog was armed", async () => {
    const { clock, vm, did } = machine();
    await vm.boot();
    await vm.freeze();
    await clock.advance(60_000);
    did.length = 0;
    await vm.thaw();
    expect(did).toEqual(["resume", "wire", "(thawed)"]);
  });

  it("boots again after a reset of a machine that ran", async () => {
    const { clock, vm } = machine();
    await vm.boot();
    vm.watchdog.written("\0");
    await clock.advance(2_000);
    expect(vm.power).toBe("off");
    await clock.advance(1_000);
    expect(vm.power).toBe("running");
  });

  it("restarts an agent that ended, but not one that ended with its machine", async () => {
    const { clock, vm, did, endAgent } = machine();
    await vm.boot();
    endAgent("SIGKILL");
    await clock.advance(500);
    expect(did.filter((what) => what === "agent")).toHaveLength(2);
    await vm.crash();
    endAgent("SIGKILL");
    await clock.advance(5_000);
    expect(did.filter((what) => what === "agent")).toHaveLength(2);
  });

  it("stays off when its power is cut again before the boot was over", async () => {
    const { clock, vm } = machine();
    await vm.boot();
    await vm.crash();
    const booting = vm.bootAfterDelay();
    await settle();
    await vm.powerOff();
    await clock.advance(5_000);
    await booting;
    expect(vm.power).toBe("off");
  });

  it("keeps its power while its wire is cut in one direction", async () => {
    const { vm } = machine();
    await vm.boot();
    await vm.cutOff("inbound");
    expect(vm.power).toBe("running");
    expect(vm.wire).toMatchObject({ inboundCut: true, outboundCut: false });
    await vm.reconnect();
    expect(vm.wire).toMatchObject({ inboundCut: false, outboundCut: false });
  });

  it("shuts down when its agent has ended, and does not start it again", async () => {
    const { clock, vm, did, endAgent } = machine();
    await vm.boot();
    did.length = 0;
    const down = vm.shutDown();
    expect(did).toEqual(["announce"]);
    endAgent("exit code 0");
    await clock.advance(0);
    await down;
    expect(did).toEqual(["announce", "pause", "wire", "kill", "drop network", "(shut-down)"]);
    expect(vm.power).toBe("off");
  });

  it("is switched off when its agent does not end in time", async () => {
    const { clock, vm, did } = machine();
    await vm.boot();
    const down = vm.shutDown();
    await clock.advance(9_999);
    expect(vm.power).toBe("running");
    await clock.advance(1);
    await down;
    expect(did).toContain("(shut-down)");
  });
});

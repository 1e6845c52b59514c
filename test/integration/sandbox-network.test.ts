/**
 * The virtual network with real packets, before any part of the product runs in it: routing by the emulated EC2
 * tables, source/destination check, cuts, and the powers of the hypervisor over a machine's processes.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/host/system-clock.ts";
import { systemRandom } from "../../src/host/system-random.ts";
import { VirtualEc2 } from "../../src/sandbox/ec2/virtual-ec2.ts";
import { createNamespaces, namespacesOfSandbox, whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { clearSandbox } from "../../src/sandbox/launcher/janitor.ts";
import { killAll, startTicksOf } from "../../src/sandbox/launcher/processes.ts";
import { createDirectory } from "../../src/sandbox/launcher/state-directory.ts";
import type { WireFacts } from "../../src/sandbox/network/forwarding.ts";
import { run } from "../../src/sandbox/network/ip-command.ts";
import { NamespaceFabric } from "../../src/sandbox/network/namespace-fabric.ts";
import { twoZones } from "../../src/sandbox/network/topologies.ts";
import { namespaceOf, SERVICE_PORT } from "../../src/sandbox/network/topology.ts";
import { installVm, vmFiles } from "../../src/sandbox/vm/vm-files.ts";
import { buildEc2World } from "../../src/sandbox/world/ec2-world.ts";
import { Measurements } from "../../src/sandbox/world/measurements.ts";

const id = randomBytes(3).toString("hex");
const reason = await whyNoNamespaces(id);
const topology = twoZones(id);
// Recorded as a sandbox would be, so that the next one clears what a killed test leaves.
const directory = createDirectory({
  id,
  launcherPid: process.pid,
  launcherStartTicks: startTicksOf(process.pid) ?? 0,
  namespaces: namespacesOfSandbox(topology),
  mountsNetnsDirectory: false,
});

const open = (name: string, cut: Partial<WireFacts> = {}): WireFacts => {
  const address = topology.vms.find((vm) => vm.name === name)?.address ?? "";
  return { name, address, inboundCut: false, outboundCut: false, ...cut };
};
const bothOpen = [open("node1"), open("node2")];
const inPlace = (place: string, ...argv: string[]): Promise<string> =>
  run("ip", ["netns", "exec", namespaceOf(id, place), ...argv]);

/** Who answers the client at the virtual IP within half a second. */
async function whoAnswers(): Promise<string> {
  const script =
    'const s=require("net").connect(+process.argv[2],process.argv[1],()=>s.write("GET / HTTP/1.1\\r\\n\\r\\n"));' +
    's.on("data",d=>{process.stdout.write(String(d).split("\\r\\n\\r\\n")[1].split(" ")[0]);process.exit(0)});' +
    's.on("error",e=>{process.stdout.write(e.code);process.exit(0)});' +
    'setTimeout(()=>{process.stdout.write("silence");process.exit(0)},500)';
  const answer = await inPlace("client", process.execPath, "-e", script, topology.virtualIp, String(SERVICE_PORT));
  return answer.trim();
}

afterAll(() => clearSandbox(directory), 30_000);

describe.skipIf(reason !== undefined)(`virtual network${reason === undefined ? "" : ` (not here: ${reason})`}`, () => {
  const ec2 = new VirtualEc2({ region: topology.region }, { clock: systemClock, random: systemRandom });
  const world = buildEc2World(ec2, topology);
  const fabric = new NamespaceFabric(
    { topology, subnets: world.subnets, outsiders: new Set() },
    { clock: systemClock },
  );

  beforeAll(async () => {
    await createNamespaces(topology);
    await fabric.forward(ec2.state, bothOpen);
    for (const vm of topology.vms) {
      const files = vmFiles(join(directory.path, vm.name));
      const service = {
        node: vm.name,
        address: topology.virtualIp,
        port: SERVICE_PORT,
        marker: `UNDERSTUDY_SANDBOX_VM=${id}/${vm.name}`,
        nodePath: process.execPath,
      };
      installVm(files, service, 2_000);
      await fabric.guestUp(vm.name);
      await inPlace(vm.name, "ip", "addr", "add", `${topology.virtualIp}/32`, "dev", "eth0");
      await inPlace(vm.name, join(files.root, "etc/understudy/exec.d/app"), "start");
    }
  }, 30_000);

  afterAll(async () => {
    await fabric.close();
  });

  it("delivers to the machine that the route table names, and follows a change of it", async () => {
    expect(await whoAnswers()).toBe("node1");
    for (const table of world.routeTableIds) {
      ec2.replaceRoute(table, `${topology.virtualIp}/32`, {
        type: "networkInterface",
        networkInterfaceId: world.eniOf("node2"),
      });
    }
    await fabric.forward(ec2.state, bothOpen);
    expect(await whoAnswers()).toBe("node2");
  });

  it("drops what EC2 drops while the source/destination check is on", async () => {
    ec2.setSourceDestCheck(world.eniOf("node2"), true);
    await fabric.forward(ec2.state, bothOpen);
    expect(await whoAnswers()).toBe("silence");
    ec2.setSourceDestCheck(world.eniOf("node2"), false);
    await fabric.forward(ec2.state, bothOpen);
    expect(await whoAnswers()).toBe("node2");
  });

  it("lets only its own address out of a machine whose check is on", async () => {
    const listen =
      'const s=require("node:dgram").createSocket("udp4");s.bind(9999,()=>process.stdout.write("up\\n"));' +
      's.on("message",(m,r)=>{process.stdout.write(m+" from "+r.address+"\\n");if(String(m)==="end")process.exit(0)})';
    const send =
      'const s=require("node:dgram").createSocket("udp4");' +
      "s.bind(0,process.argv[1],()=>s.send(process.argv[2],9999,process.argv[3],()=>s.close()))";
    const listener = spawn("ip", ["netns", "exec", namespaceOf(id, "client"), process.execPath, "-e", listen]);
    const ended = once(listener, "exit");
    let heard = "";
    listener.stdout.setEncoding("utf8").on("data", (chunk: string) => (heard += chunk));
    await once(listener.stdout, "data");
    const from = (source: string, word: string): Promise<string> =>
      inPlace("node2", process.execPath, "-e", send, source, word, topology.client.address);
    await from(topology.virtualIp, "open");
    ec2.setSourceDestCheck(world.eniOf("node2"), true);
    await fabric.forward(ec2.state, bothOpen);
    await from(topology.virtualIp, "foreign");
    await from("10.0.2.10", "end");
    await ended;
    ec2.setSourceDestCheck(world.eniOf("node2"), false);
    await fabric.forward(ec2.state, bothOpen);
    expect(heard.trim().split("\n")).toEqual(["up", "open from 10.1.0.20", "end from 10.0.2.10"]);
  });

  it("shows an observer two active machines when there are two", async () => {
    const measurements = new Measurements();
    const program = fileURLToPath(new URL("../../src/sandbox/observer/main.ts", import.meta.url));
    const observers = topology.vms.map((vm) => {
      const what = [vm.name, "namespace", topology.virtualIp, topology.virtualIp, String(SERVICE_PORT)];
      const enter = ["netns", "exec", namespaceOf(id, vm.name), process.execPath, program, ...what];
      const child = spawn("ip", enter, { stdio: ["pipe", "pipe", "inherit"] });
      createInterface({ input: child.stdout }).on("line", (line) => measurements.observerLine(vm.name, line));
      return child;
    });
    await vi.waitUntil(() => measurements.maxSimultaneousActive() === 2, { timeout: 5_000, interval: 50 });
    expect([...(measurements.overlaps()[0]?.nodes ?? [])].sort()).toEqual(["node1", "node2"]);
    const ended = observers.map((observer) => once(observer, "exit"));
    for (const observer of observers) observer.stdin.end();
    await Promise.all(ended);
  });

  it("cuts a wire in either direction and mends it", async () => {
    for (const cut of [{ inboundCut: true }, { outboundCut: true }]) {
      await fabric.forward(ec2.state, [open("node1"), open("node2", cut)]);
      expect(await whoAnswers()).toBe("silence");
    }
    await fabric.forward(ec2.state, bothOpen);
    expect(await whoAnswers()).toBe("node2");
  });

  it("finds exactly the processes of one machine and kills them all", async () => {
    expect(fabric.processesOf("node2")).toHaveLength(1);
    expect(killAll(() => fabric.processesOf("node2"))).toBe(1);
    expect(fabric.processesOf("node2")).toHaveLength(0);
    expect(fabric.processesOf("node1")).toHaveLength(1);
    expect(await whoAnswers()).toBe("ECONNREFUSED");
    await fabric.guestDown("node2");
    expect(await inPlace("node2", "ip", "-br", "addr", "show", "dev", "eth0")).not.toContain("10.0.2.10");
  });
});

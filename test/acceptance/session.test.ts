/**
 * What becomes of a member whose right is in doubt, with real processes: a reply that is lost costs nothing; a session
 * that somebody else ended, and a guard that was killed, leave nothing up; and afterwards the group is served again.
 */
import { createConnection } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import { processFacts } from "../../src/nodeagent/linux/processes.ts";
import { SYSTEM_NAMESPACE } from "../../src/sandbox/world/kube-world.ts";
import { parseExposition, valueOf } from "./exposition.ts";
import { until } from "./facts.ts";
import { Installation, type Machine } from "./installation.ts";
import { failoverGroup, probePort, service, virtualIp } from "./objects.ts";

const NS = "sessions";
const GROUP = "failover1";
const ADDRESS = "10.1.0.20";
const PORT = 26_001;

let site: Installation;

beforeAll(async () => {
  // Twice the fast preset's session, so that a busy machine does not lose one by itself.
  site = await Installation.start({ timings: ["--preset", "fast", "--session-duration", "9s"] });
  site.cloud.addRoutes(ADDRESS);
  const pointers = [
    { kind: "AwsVirtualIP", name: "vip" },
    { kind: "LbProbePort", name: "probe" },
  ];
  const group = failoverGroup(GROUP, site.nodes, [service(), ...pointers]);
  await site.apply(NS, virtualIp("vip", ADDRESS), probePort("probe", PORT), group);
}, 60_000);

afterAll(async () => {
  await site.close();
}, 60_000);

/** The machine that serves now, with the process id of its service. */
async function serving(): Promise<{ readonly machine: Machine; readonly pid: number; readonly epoch: number }> {
  const { status } = await site.untilReady(NS, GROUP);
  const machine = site.machines.find(({ node }) => node === status?.active?.node);
  const pid = machine?.servicePid(NS, GROUP);
  if (machine === undefined || pid === undefined) throw new Error("nobody serves");
  expect([machine.holds(ADDRESS), isRunning(pid), await answers(machine)]).toEqual([true, true, true]);
  return { machine, pid, epoch: status?.epoch ?? 0 };
}

function isRunning(pid: number): boolean {
  return processFacts(pid)?.isZombie === false;
}

/** Whether the load balancer's probe would find the port open. */
async function answers(machine: Machine): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host: machine.address, port: PORT });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function allDown(machine: Machine, pid: number): Promise<void> {
  await until(`everything is down on ${machine.node}`, async () =>
    !isRunning(pid) && !machine.holds(ADDRESS) && !(await answers(machine)) ? true : undefined,
  );
}

async function measured(
  machine: Machine,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  return valueOf(parseExposition(await machine.metrics()), name, labels) ?? 0;
}

const takeDowns = async (machine: Machine, cause: string): Promise<number> =>
  await measured(machine, "understudy_take_down_total", { cause });

/** What a leader does, or a stranger: writes the Lease, whatever its holder is about to write. */
async function editLease(node: string, edit: (lease: Lease) => Lease): Promise<void> {
  const key = { namespace: SYSTEM_NAMESPACE, name: node };
  await until(`the Lease of ${node} is written`, async () => {
    const lease = await site.api.get<Lease>(LEASE, key);
    if (lease === undefined) return undefined;
    return await site.api.replace(LEASE, edit(lease)).catch(() => undefined); // the holder was faster
  });
}

describe("a renewal whose reply is lost", { timeout: 60_000 }, () => {
  test("is resolved by its nonce, and nothing is taken down", async () => {
    const { machine, pid, epoch } = await serving();
    const before = await site.session(machine.node);
    const match = { resource: "leases", name: machine.node, verbs: ["update"], userAgent: "understudy-guard" } as const;
    for (let lost = 1; lost <= 3; lost++) {
      site.server.faults.add({ match, action: { kind: "lose-reply" }, times: 1 });
      await until("the renewal is resolved", async () =>
        (await measured(machine, "understudy_session_renewal_total", { outcome: "resolved" })) >= lost
          ? true
          : undefined,
      );
    }
    expect(await site.session(machine.node)).toBe(before);
    expect((await site.group(NS, GROUP)).status?.epoch).toBe(epoch);
    expect([isRunning(pid), machine.holds(ADDRESS), await answers(machine)]).toEqual([true, true, true]);
    for (const cause of ["renew-deadline", "session-lost"]) expect(await takeDowns(machine, cause)).toBe(0);
  });
});

describe("a lost race", { timeout: 60_000 }, () => {
  test("for the Lease, which somebody has marked as ended, takes everything down; then the group is served anew", async () => {
    const { machine, pid, epoch } = await serving();
    const before = await site.session(machine.node);
    await editLease(machine.node, (lease) => ({
      ...lease,
      metadata: {
        ...lease.metadata,
        annotations: { ...lease.metadata.annotations, [LEASE_ANNOTATIONS.ended]: "Expired" },
      },
    }));
    await allDown(machine, pid);
    await until("the guard knows that it lost", async () =>
      (await measured(machine, "understudy_session_renewal_total", { outcome: "lost" })) > 0 ? true : undefined,
    );
    expect(await site.session(machine.node, before)).not.toBe(before);
    const again = await site.untilGroup(NS, GROUP, "a new grant", (group) => (group.status?.epoch ?? 0) > epoch);
    expect(again.status?.active?.session).not.toBe(before);
    await serving();
  });

  test("for the Lease, which another holder has written, takes everything down as well", async () => {
    const { machine, pid, epoch } = await serving();
    const before = await site.session(machine.node);
    await editLease(machine.node, (lease) => ({ ...lease, spec: { ...lease.spec, holderIdentity: "a-stranger" } }));
    await allDown(machine, pid);
    await until("a session of its own again", async () => {
      const holder = (await site.api.get<Lease>(LEASE, { namespace: SYSTEM_NAMESPACE, name: machine.node }))?.spec;
      const identity = holder?.holderIdentity;
      return identity !== undefined && identity !== before && identity.startsWith(machine.node) ? true : undefined;
    });
    await site.untilGroup(NS, GROUP, "a new grant", (group) => (group.status?.epoch ?? 0) > epoch);
    await serving();
  });
});

describe("a guard that is killed", { timeout: 60_000 }, () => {
  test("leaves nothing up: its worker takes everything down and ends; the next life is a new session", async () => {
    const { machine, pid, epoch } = await serving();
    const before = await site.session(machine.node);
    expect(await machine.end("SIGKILL")).toBeNull();
    await allDown(machine, pid);
    machine.boot();
    expect(await site.session(machine.node, before)).not.toBe(before);
    await site.untilGroup(NS, GROUP, "a new grant", (group) => (group.status?.epoch ?? 0) > epoch);
    const next = await serving();
    expect(next.epoch).toBeGreaterThan(epoch);
  });

  test("for good is replaced at once: its worker still told that everything is down", async () => {
    const { machine, pid, epoch } = await serving();
    await machine.end("SIGKILL");
    await allDown(machine, pid);
    const other = site.machines.find((candidate) => candidate !== machine);
    const { status } = await site.untilReady(NS, GROUP, other?.node);
    expect(status?.history).toContainEqual(
      expect.objectContaining({ cause: "Shutdown", from: machine.node, epoch: epoch + 1 }),
    );
    machine.boot();
    await site.session(machine.node, "");
  });

  test("together with its worker leaves the service up, which its next life ends before anything else", async () => {
    const { machine, pid, epoch } = await serving();
    const before = await site.session(machine.node);
    const worker = machine.workerPid();
    process.kill(worker, "SIGSTOP");
    await machine.end("SIGKILL");
    process.kill(worker, "SIGKILL");
    expect([isRunning(pid), machine.holds(ADDRESS)]).toEqual([true, true]);
    machine.boot();
    await site.session(machine.node, before);
    expect([isRunning(pid), machine.holds(ADDRESS), await answers(machine)]).toEqual([false, false, false]);
    await site.untilGroup(NS, GROUP, "a new grant", (group) => (group.status?.epoch ?? 0) > epoch);
    await serving();
  });
});

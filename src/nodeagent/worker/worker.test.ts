import { afterEach, describe, expect, test } from "vitest";
import { FakeAddresses } from "../../../test/fakes/fake-addresses.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeCommands } from "../../../test/fakes/fake-commands.ts";
import { FakeIsolationTargets } from "../../../test/fakes/fake-isolation-targets.ts";
import { FakeListeners } from "../../../test/fakes/fake-listeners.ts";
import { InProcessKube } from "../../../test/fakes/in-process-kube.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { grantTo, SESSION } from "../../../test/builders/worker-group.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP, LB_PROBE_PORT } from "../../api/kinds.ts";
import type { AwsVirtualIP, FailoverGroup, LbProbePort } from "../../api/generated/types.ts";
import { Informer } from "../../kube/informer.ts";
import type { KubeObject } from "../../kube/ports.ts";
import { silentLog } from "../../lib/log.ts";
import { noMetrics } from "../../lib/metrics.ts";
import type { CommandJournal, JournalEntry } from "../command/journal.ts";
import type { FailedPart } from "../details/failure-details.ts";
import type { DenyReason, GuardToWorker, WorkerToGuard } from "../guard-protocol.ts";
import { GuardLink } from "./guard-link.ts";
import { NODE } from "./node-addresses.ts";
import { Worker } from "./worker.ts";

const KEY = { namespace: "ha", name: "failover1" };
const VIP = "10.1.0.20";
const PORT = 26001;

/** Answers questions as a guard that holds the right does, and keeps what it was told. */
class FakeGuard {
  readonly heard: WorkerToGuard[] = [];
  denies: DenyReason | undefined;
  receive: (message: GuardToWorker) => void = () => undefined;

  send(message: WorkerToGuard): void {
    this.heard.push(message);
    if (!("requestId" in message)) return;
    const { requestId } = message;
    this.receive(
      this.denies === undefined ? { type: "allowed", requestId } : { type: "denied", requestId, reason: this.denies },
    );
  }

  told(type: WorkerToGuard["type"]): WorkerToGuard[] {
    return this.heard.filter((message) => message.type === type);
  }
}

const open: { worker: Worker; informers: Informer<KubeObject>[] }[] = [];

class FakeJournal implements CommandJournal {
  readonly #entries = new Map<string, JournalEntry>();
  entries(): readonly JournalEntry[] {
    return [...this.#entries.values()];
  }
  add(entry: JournalEntry): void {
    this.#entries.set(entry.key, entry);
  }
  remove(key: string): void {
    this.#entries.delete(key);
  }
}

const leftover: JournalEntry = {
  key: "ha/failover1/app",
  environment: { UNDERSTUDY_NAMESPACE: "ha", UNDERSTUDY_GROUP: "failover1" },
  plan: {
    kind: "command",
    key: "app",
    resource: "app",
    onFailure: "Failover",
    monitor: undefined,
    startTimeoutMs: 1_000,
    stopTimeoutMs: 1_000,
    needs: [],
    start: ["/etc/understudy/exec.d/app", "start"],
    stop: ["/etc/understudy/exec.d/app", "stop"],
    check: undefined,
  },
};

async function setup(prepare: (made: { commands: FakeCommands; journal: FakeJournal }) => void = () => undefined) {
  const journal = new FakeJournal();
  const clock = new FakeClock();
  const api = InProcessKube.create({ clock });
  const guard = new FakeGuard();
  const addresses = new FakeAddresses();
  const listeners = new FakeListeners();
  const targets = new FakeIsolationTargets();
  const commands = new FakeCommands();
  for (const verb of ["start", "stop", "status"])
    commands.programs.set(`/etc/understudy/exec.d/app ${verb}`, () => ({}));
  for (const [name, address] of [
    ["node1", "10.0.1.10"],
    ["node2", "10.0.2.10"],
  ] as const)
    await api.create(NODE, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      status: { addresses: [{ type: "InternalIP", address }] },
    } as KubeObject);
  await api.create(AWS_VIRTUAL_IP, {
    metadata: { ...KEY, name: "vip" },
    spec: { address: VIP },
  } as unknown as AwsVirtualIP);
  await api.create(LB_PROBE_PORT, {
    metadata: { ...KEY, name: "probe" },
    spec: { port: PORT },
  } as unknown as LbProbePort);
  await api.create(FAILOVER_GROUP, {
    metadata: KEY,
    spec: {
      members: [{ node: "node1" }, { node: "node2" }],
      resources: [
        { kind: "AwsVirtualIP", name: "vip" },
        {
          name: "app",
          exec: {
            start: { command: ["/etc/understudy/exec.d/app", "start"] },
            stop: { command: ["/etc/understudy/exec.d/app", "stop"] },
          },
        },
        { kind: "LbProbePort", name: "probe" },
      ],
    },
  } as unknown as FailoverGroup);
  const modules = { api, clock, random: seededRandom(1), log: silentLog, metrics: noMetrics };
  const informers = {
    groups: new Informer<FailoverGroup>({ type: FAILOVER_GROUP }, modules),
    virtualIps: new Informer<AwsVirtualIP>({ type: AWS_VIRTUAL_IP }, modules),
    probePorts: new Informer<LbProbePort>({ type: LB_PROBE_PORT }, modules),
  };
  const link: GuardLink = new GuardLink(guard, { clock }, (message) => worker.told(message));
  guard.receive = (message) => link.receive(message);
  const host = {
    addresses,
    announcer: addresses,
    connections: addresses,
    listeners,
    commands,
    processes: commands,
    journal,
    isolationProbe: targets,
    details: { collect: (failed: FailedPart) => void collected.push(failed) },
  };
  const collected: FailedPart[] = [];
  const worker: Worker = new Worker("node1", { ...modules, ...informers, ...host, guard: link });
  open.push({ worker, informers: Object.values(informers) as unknown as Informer<KubeObject>[] });
  prepare({ commands, journal });
  worker.start();
  const all = Object.values(informers);
  for (const informer of all) informer.start();
  void Promise.all(all.map((informer) => informer.synced)).then(() => worker.synced());
  await clock.advance(50);
  const status = async (change: (group: FailoverGroup) => FailoverGroup["status"]): Promise<void> => {
    const group = await api.get<FailoverGroup>(FAILOVER_GROUP, KEY);
    if (group === undefined) throw new Error("the group is gone");
    await api.replace(FAILOVER_GROUP, { ...group, status: change(group) }, { subresource: "status" });
    await clock.advance(50);
  };
  const report = async () =>
    (await api.get<FailoverGroup>(FAILOVER_GROUP, KEY))?.status?.reports?.find((found) => found.node === "node1");
  const grant = (epoch: number) => status((group) => ({ ...group.status, ...grantTo("node1", epoch) }));
  return {
    clock,
    api,
    guard,
    addresses,
    listeners,
    commands,
    worker,
    status,
    report,
    grant,
    journal,
    targets,
    collected,
  };
}

async function active() {
  const made = await setup();
  made.guard.receive({ type: "session", session: SESSION });
  await made.grant(5);
  expect(await made.report()).toMatchObject({ state: "Active" });
  return made;
}

afterEach(async () => {
  for (const { worker, informers } of open.splice(0)) {
    worker.close();
    void Promise.all(informers.map((informer) => informer.stop()));
  }
});

describe("a worker with an API server, a guard and a host", () => {
  test("is ready at once and names its peers with their addresses", async () => {
    const { guard } = await setup();
    expect(guard.heard[0]).toEqual({ type: "ready" });
    expect(guard.told("peersWanted").at(-1)).toEqual({
      type: "peersWanted",
      peers: [{ node: "node2", address: "10.0.2.10" }],
    });
  });

  test("stops what its journal says an earlier life started, before it acts on any group", async () => {
    const blocked = { exitCode: 1 };
    const { clock, commands, addresses, guard, grant, journal } = await setup((made) => {
      made.commands.programs.set("/etc/understudy/exec.d/app stop", () => blocked);
      made.journal.add(leftover);
    });
    guard.receive({ type: "session", session: SESSION });
    await grant(5);
    guard.receive({ type: "takeDown", takeDownId: 3, cause: "renew-deadline", budgetMs: 600 });
    guard.receive({ type: "session", session: SESSION });
    await clock.advance(500);
    expect(addresses.holds(VIP)).toBe(false);
    expect(guard.told("down")).toEqual([]);
    blocked.exitCode = 0;
    await clock.advance(2_000);
    expect(commands.ran.slice(0, 2)).toEqual(["/etc/understudy/exec.d/app stop", "/etc/understudy/exec.d/app stop"]);
    expect(addresses.holds(VIP)).toBe(true);
    expect(journal.entries()).toMatchObject([{ key: "ha/failover1/app" }]);
  });

  test("brings a granted group up and reports it with its members", async () => {
    const { addresses, listeners, commands, guard, report } = await active();
    expect(addresses.holds(VIP)).toBe(true);
    expect(listeners.isOpen(PORT)).toBe(true);
    expect(commands.ran).toEqual(["/etc/understudy/exec.d/app start"]);
    expect(guard.told("mayActivate")).toHaveLength(1);
    expect((await report())?.knownMembers).toEqual(["node1", "node2"]);
  });

  test("starts nothing without a session, and nothing that the guard denies", async () => {
    const made = await setup();
    await made.grant(5);
    expect(made.addresses.holds(VIP)).toBe(false);
    made.guard.denies = "watchdog-unarmed";
    made.guard.receive({ type: "session", session: SESSION });
    await made.clock.advance(1_000);
    expect(made.addresses.holds(VIP)).toBe(false);
    made.guard.denies = undefined;
    await made.clock.advance(1_000);
    expect(made.addresses.holds(VIP)).toBe(true);
  });

  test("leaves for a planned move, tells the guard and reports Inactive", async () => {
    const { status, addresses, listeners, guard, report } = await active();
    await status((group) => ({ ...group.status, target: { node: "node2", cause: "Requested" } }));
    expect(addresses.holds(VIP) || listeners.isOpen(PORT)).toBe(false);
    expect(guard.told("deactivated")).toHaveLength(1);
    expect(await report()).toMatchObject({ state: "Inactive", epoch: 5, session: SESSION });
  });

  test("answers a take-down when everything is proven down, for the id that was asked", async () => {
    const { guard, addresses, listeners, commands, clock } = await active();
    commands.leave({ UNDERSTUDY_NODE: "node1" }, { ownSession: true });
    guard.receive({ type: "takeDown", takeDownId: 7, cause: "renew-deadline", budgetMs: 600 });
    guard.receive({ type: "session", session: undefined });
    await clock.advance(400);
    expect(guard.told("down")).toEqual([{ type: "down", takeDownId: 7 }]);
    expect(addresses.holds(VIP) || listeners.isOpen(PORT)).toBe(false);
    expect(commands.processes).toEqual([]);
  });

  test("begins its watches afresh when a session follows one that was lost: they may wait for TCP to try again", async () => {
    const { guard, api, clock } = await active();
    const begun: string[] = [];
    const watch = api.watch.bind(api);
    api.watch = (type, options) => {
      begun.push(type.plural);
      return watch(type, options);
    };
    guard.receive({ type: "session", session: `${SESSION}-again` });
    await clock.advance(50);
    expect(begun).toEqual([]);
    guard.receive({ type: "session", session: undefined });
    await clock.advance(50);
    expect(begun).toEqual([]);
    guard.receive({ type: "session", session: SESSION });
    await clock.advance(50);
    expect(begun.toSorted()).toEqual(["awsvirtualips", "failovergroups", "lbprobeports"]);
  });

  test("never answers a take-down while an address cannot be read", async () => {
    const { guard, addresses, clock } = await active();
    addresses.failure = new Error("ip is gone");
    guard.receive({ type: "takeDown", takeDownId: 7, cause: "renew-deadline", budgetMs: 600 });
    await clock.advance(2_000);
    expect(guard.told("down")).toEqual([]);
    addresses.failure = undefined;
    await clock.advance(15_000);
    expect(guard.told("down")).toHaveLength(1);
  });

  test("goes down by itself while the API server does not answer", async () => {
    const { api, guard, addresses, clock } = await active();
    api.faults.add({ match: {}, action: { kind: "cut" } });
    guard.receive({ type: "takeDown", takeDownId: 1, cause: "renew-deadline", budgetMs: 600 });
    await clock.advance(500);
    expect(addresses.holds(VIP)).toBe(false);
    expect(guard.told("down")).toHaveLength(1);
  });

  test("removes an address of its group that nobody granted here, at once", async () => {
    const { addresses, clock } = await setup();
    addresses.tamper("eth0", VIP, "add");
    await clock.advance(10);
    expect(addresses.holds(VIP)).toBe(false);
  });

  test("repairs an address that a stranger removed, at once", async () => {
    const { addresses, clock, report, collected } = await active();
    addresses.tamper("eth0", VIP, "remove");
    await clock.advance(10);
    expect(collected).toMatchObject([{ group: "failover1", epoch: 5, reason: "AddressMissing", plan: { key: "vip" } }]);
    expect(addresses.holds(VIP)).toBe(true);
    await clock.advance(100);
    expect(await report()).toMatchObject({ state: "Active" });
  });

  test("opens a probe port again that the kernel took away", async () => {
    const { listeners, clock } = await active();
    listeners.lose(PORT);
    await clock.advance(10);
    expect(listeners.isOpen(PORT)).toBe(true);
  });

  test("reports a standby that listens on the probe port [REQ 5.3.3]", async () => {
    const { guard, listeners, clock, report } = await setup();
    guard.receive({ type: "session", session: SESSION });
    listeners.taken.add(PORT);
    await clock.advance(6_000);
    expect(await report()).toMatchObject({ state: "Inactive", resources: [{ name: "probe", reason: "PortInUse" }] });
  });

  test("reports as a standby, before it matters, that it may not run a command", async () => {
    const { guard, clock, report } = await setup(({ commands }) =>
      commands.programs.delete("/etc/understudy/exec.d/app stop"),
    );
    guard.receive({ type: "session", session: SESSION });
    await clock.advance(200);
    expect(await report()).toMatchObject({
      state: "Inactive",
      resources: [{ name: "app", reason: "CommandNotAllowed" }],
    });
  });

  test("asks the isolation targets as a standby and as the active member, and no more once the group is gone", async () => {
    const { api, guard, clock, report, grant, targets } = await setup();
    const url = "http://witness.example/";
    const isolation = { targets: [{ http: { url } }], retries: 1 };
    await api.patch(FAILOVER_GROUP, KEY, { type: "merge", body: { spec: { isolation } } });
    guard.receive({ type: "session", session: SESSION });
    await clock.advance(100);
    expect(await report()).toMatchObject({ session: SESSION, epoch: 0, state: "Inactive", isolation: "Reached" });
    await grant(5);
    targets.answers.set(url, "lost");
    await clock.advance(5_000);
    expect(await report()).toMatchObject({ epoch: 5, state: "Active", isolation: "Reached" });
    await clock.advance(5_000);
    expect(await report()).toMatchObject({ epoch: 5, state: "Active", isolation: "Lost" });
    await api.delete(FAILOVER_GROUP, KEY);
    await clock.advance(1_000);
    const asked = targets.asked.get(url);
    await clock.advance(20_000);
    expect(targets.asked.get(url)).toBe(asked);
  });

  test("takes a deleted group down", async () => {
    const { api, addresses, clock } = await active();
    await api.delete(FAILOVER_GROUP, KEY);
    await clock.advance(100);
    expect(addresses.holds(VIP)).toBe(false);
  });

  test("takes everything down when its guard is gone", async () => {
    const { worker, addresses, listeners, commands, clock } = await active();
    commands.leave({ UNDERSTUDY_NODE: "node1" }, { ownSession: true });
    const gone = worker.abandon(600);
    await clock.advance(1_000);
    await gone;
    expect(addresses.holds(VIP) || listeners.isOpen(PORT)).toBe(false);
    expect(commands.processes).toEqual([]);
  });

  test("stores its report although others write to the status all the time", async () => {
    const made = await setup();
    made.guard.receive({ type: "session", session: SESSION });
    made.api.faults.add({
      match: { verbs: ["patch"], resource: "failovergroups" },
      action: { kind: "refuse", status: 409 },
      times: 2,
    });
    await made.grant(5);
    await made.clock.advance(500);
    expect(await made.report()).toMatchObject({ state: "Active" });
  });
});

/**
 * The end of an agent with real processes: of the agent alone, which comes back and keeps its group, and of the machine,
 * whose group moves at once.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FailoverGroup } from "../../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { Installation, type Machine } from "./installation.ts";
import { failoverGroup, service } from "./objects.ts";

const NS = "planned";
const GROUP = "failover1";

let site: Installation;

beforeAll(async () => {
  // Twice the fast preset's session: a busy machine needs longer to start an agent.
  site = await Installation.start({ timings: ["--preset", "fast", "--session-duration", "9s"] });
  await site.apply(NS, failoverGroup(GROUP, site.nodes, [service()]));
}, 60_000);

afterAll(async () => {
  await site.close();
}, 60_000);

async function active(): Promise<{ readonly machine: Machine; readonly group: FailoverGroup }> {
  const group = await site.untilReady(NS, GROUP);
  const machine = site.machines.find(({ node }) => node === group.status?.active?.node);
  if (machine === undefined) throw new Error("nobody serves");
  return { machine, group };
}

describe("an agent that is asked to end", { timeout: 120_000 }, () => {
  test("alone, as by an upgrade, keeps its group: it comes back to the same member", async () => {
    const { machine, group } = await active();
    machine.hostProgram("systemctl", "running");
    expect(await machine.end("SIGTERM")).toBe(0);
    expect(machine.servicePid(NS, GROUP)).toBeUndefined();
    machine.boot();
    const epoch = group.status?.epoch ?? 0;
    const back = await site.untilGroup(NS, GROUP, "Ready under a new epoch", (seen) => {
      const isReady = seen.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
      return isReady === true && (seen.status?.epoch ?? 0) > epoch;
    });
    expect(back.status?.active?.node).toBe(machine.node);
    expect(back.status?.history?.[0]).toMatchObject({ from: machine.node, to: machine.node });
  });

  test("with its machine gives the group up at once [REQ 5.3.8]", async () => {
    const { machine } = await active();
    machine.hostProgram("systemctl", "stopping");
    const other = site.nodes.find((node) => node !== machine.node);
    expect(await machine.end("SIGTERM")).toBe(0);
    const moved = await site.untilReady(NS, GROUP, other);
    expect(moved.status?.history?.[0]).toMatchObject({ cause: "Shutdown", from: machine.node, to: other });
    machine.boot();
    await site.untilCondition(FAILOVER_GROUP, { namespace: NS, name: GROUP }, "StandbyReady", "Promotable");
  });
});

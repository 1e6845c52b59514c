import { describe, expect, test } from "vitest";
import { FakeAddresses } from "../../../test/fakes/fake-addresses.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeListeners } from "../../../test/fakes/fake-listeners.ts";
import { FakeProcesses } from "../../../test/fakes/fake-processes.ts";
import { probePort } from "../../../test/builders/worker-group.ts";
import { silentLog } from "../../lib/log.ts";
import { type FailedPart, FailureDetails } from "./failure-details.ts";

const FAILED: FailedPart = {
  namespace: "ha",
  group: "failover1",
  epoch: 5,
  plan: {
    kind: "probe-port",
    key: "probe",
    resource: "probe",
    onFailure: "Failover",
    monitor: undefined,
    startTimeoutMs: 1,
    stopTimeoutMs: 1,
    needs: [],
    port: probePort().spec.port,
    sourceRanges: [],
  },
  reason: "ListenerDown",
  message: "nothing listens",
  ports: [8080],
  node: "node1",
};

function setup() {
  const clock = new FakeClock();
  const kept = new Map<string, Record<string, unknown>>();
  const addresses = new FakeAddresses();
  const listeners = new FakeListeners();
  const processes = new FakeProcesses();
  const details = new FailureDetails({
    system: { read: () => Promise.resolve({ load: "0.10 0.20 0.30" }) },
    store: {
      keep: (name, text) => {
        kept.set(name, JSON.parse(text) as Record<string, unknown>);
        return Promise.resolve();
      },
    },
    addresses,
    listeners,
    processes,
    clock,
    log: silentLog,
  });
  return { clock, kept, addresses, listeners, processes, details };
}

describe("when a monitor fails [REQ 5.3.18 details]", () => {
  test("the machine is looked at: load, addresses, listeners, processes of the group", async () => {
    const { clock, kept, details, listeners, processes } = setup();
    listeners.taken.add(8080);
    processes.start({
      environment: { UNDERSTUDY_GROUP: "failover1", UNDERSTUDY_NAMESPACE: "ha", UNDERSTUDY_NODE: "node1" },
    });
    details.collect(FAILED);
    await clock.advance(10);
    const [[name, found] = ["", {}]] = kept;
    expect(name).toMatch(/_ha_failover1_probe\.json$/);
    expect(found).toMatchObject({
      group: "ha/failover1",
      part: "probe",
      reason: "ListenerDown",
      system: { load: "0.10 0.20 0.30" },
      addresses: ["eth0 up 10.0.1.10/32"],
      listening: [8080],
      processes: [expect.any(Number) as number],
    });
  });

  test("what cannot be read says so, and the same part is looked at once a minute", async () => {
    const { clock, kept, details, addresses } = setup();
    addresses.failure = new Error("the kernel does not answer");
    details.collect(FAILED);
    details.collect(FAILED);
    await clock.advance(10);
    expect(kept.size).toBe(1);
    expect([...kept.values()][0]?.["addresses"]).toContain("the kernel does not answer");
    await clock.advance(61_000);
    details.collect(FAILED);
    await clock.advance(10);
    expect(kept.size).toBe(2);
  });
});

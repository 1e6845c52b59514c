import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { silentLog } from "../lib/log.ts";
import { type ElectionListener, Manager } from "./manager.ts";

function setup() {
  const clock = new FakeClock();
  const log: string[] = [];
  const synced = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<void>();
  let listener: ElectionListener | undefined;
  let leads = false;
  const cache = {
    synced: synced.promise,
    hasSynced: false,
    start: () => void log.push("cache starts"),
    stop: async () => {
      log.push("cache stops");
      synced.resolve();
      await Promise.resolve();
    },
  };
  const loop = {
    name: "L",
    start: () => void log.push("loop starts"),
    stop: async () => {
      log.push("loop stops");
      await drained.promise;
      log.push("loop ended");
    },
  };
  const manager = new Manager(
    { drainTimeoutMs: 5_000 },
    {
      caches: [cache],
      loops: [loop],
      clock,
      log: silentLog,
      election: (given) => {
        listener = given;
        return {
          start: () => void log.push("election starts"),
          isLeader: () => leads,
          stop: async (release) => {
            log.push(release ? "lease released" : "lease kept");
            await Promise.resolve();
          },
        };
      },
      onStandby: () => void log.push("standby"),
      onLost: (reason) => void log.push(`lost: ${reason}`),
    },
  );
  const sync = (): void => {
    cache.hasSynced = true;
    synced.resolve();
  };
  const elect = (): void => {
    leads = true;
    listener?.onElected();
  };
  return { clock, log, manager, sync, elect, drained, lose: () => listener?.onDeposed("because") };
}

describe("a controller process", () => {
  it("stands for election only with complete caches, and runs loops only as leader", async () => {
    const { clock, log, manager, sync, elect } = setup();
    void manager.start();
    await clock.advance(0);
    expect([log, manager.ready(), manager.healthy()]).toEqual([["cache starts"], "waiting for 1 caches", undefined]);
    sync();
    await clock.advance(0);
    expect(log.slice(1)).toEqual(["standby", "election starts"]);
    expect([manager.ready(), manager.isLeader()]).toEqual([undefined, false]);
    elect();
    expect([log.slice(3), manager.isLeader()]).toEqual([["loop starts"], true]);
  });

  it("stops in order: loops end, then the Lease is released, then the caches stop", async () => {
    const { clock, log, manager, sync, elect, drained } = setup();
    sync();
    await manager.start();
    elect();
    log.length = 0;
    const stopped = Promise.all([manager.stop(), manager.stop()]);
    await clock.advance(1_000);
    expect([log, manager.ready()]).toEqual([["loop stops"], "stopping"]);
    drained.resolve();
    await stopped;
    expect(log).toEqual(["loop stops", "loop ended", "lease released", "cache stops"]);
    expect(clock.timersPending).toBe(0);
  });

  it("does not wait for hanging work for ever, and does not give the Lease away under it", async () => {
    const { clock, log, manager, sync, elect } = setup();
    sync();
    await manager.start();
    elect();
    const stopped = manager.stop();
    await clock.advance(5_000);
    await stopped;
    expect(log.slice(-2)).toEqual(["lease kept", "cache stops"]);
  });

  it("that loses its right says so and never leads again", async () => {
    const { log, manager, sync, elect, lose } = setup();
    sync();
    await manager.start();
    elect();
    log.length = 0;
    lose();
    elect();
    expect([log, manager.healthy()]).toEqual([["loop stops", "lost: because"], "leadership was lost"]);
  });

  it("may be stopped before its caches are complete", async () => {
    const { log, manager, drained } = setup();
    const started = manager.start();
    drained.resolve();
    await manager.stop();
    await started;
    expect(log).toEqual(["cache starts", "loop stops", "loop ended", "cache stops"]);
  });
});

/** The leader dies after its k-th write while a machine is being stopped, for every k: the end is the same. */
import { describe, expect, it } from "vitest";
import { ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";

const SPEC = { fencing: { policy: "Required", awsStopInstance: {}, afterwards: "Start" } };
const MOST_WRITES = 12;

describe("a leader that dies in the middle of fencing", () => {
  it("changes nothing about the end, after whichever write it died", async () => {
    for (let writes = 1; writes <= MOST_WRITES; writes++) {
      const world = await ControllerWorld.create(["node1", "node2"], SPEC);
      await world.until(isReadyOn("node1"), 5_000);
      await world.advance(500, 50);
      const { isDead } = world.killControllerAfterWrites(writes, 500);
      await world.advance(700, 50);
      world.agent("node1").freeze();
      for (let passed = 0; passed < 20_000; passed += 20) {
        const group = await world.group();
        const isGrantedElsewhere = group.status?.active?.node !== "node1";
        if (isGrantedElsewhere && world.machines.calls.every((call) => !call.startsWith("powerOn")))
          expect(world.machines.stateOf("i-node1"), `after write ${writes}`).toBe("off");
        if (isReadyOn("node2")(group)) break;
        await world.advance(20, 20);
      }
      expect(isReadyOn("node2")(await world.group()), `after write ${writes}`).toBe(true);
      expect((await world.group()).status?.epoch).toBe(2);
      expect(world.mostServing).toBe(1);
      await world.advance(3_000, 50);
      expect(world.machines.stateOf("i-node1"), `after write ${writes}`).toBe("running");
      world.controller.kill();
      if (!isDead()) return;
    }
  }, 60_000);
});

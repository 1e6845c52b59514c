/** What every `Fencer` must do, whatever cloud is behind it. */
import { describe, expect, it, vi } from "vitest";
import { CloudError } from "../../../src/cloud/errors.ts";
import type { Fencer, VmRef } from "../../../src/cloud/fencing-ports.ts";

export interface FencingWorld {
  readonly fencer: Fencer;
  /** A running machine. */
  readonly vm: VmRef;
  /** One that does not exist. */
  readonly missing: VmRef;
}

const CALL = { timeoutMs: 5_000 };
const SKIP = { graceful: false, ...CALL };

async function codeOf(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => "resolved",
    (thrown: unknown) => thrown,
  );
  return outcome instanceof CloudError ? outcome.code : String(outcome);
}

export async function untilState({ fencer, vm }: FencingWorld, state: string): Promise<void> {
  await vi.waitFor(async () => expect((await fencer.state(vm, CALL)).state).toBe(state), {
    timeout: 5_000,
    interval: 20,
  });
}

export function fencingContract(
  name: string,
  makeWorld: () => Promise<FencingWorld>,
  skips: { readonly check?: string } = {},
): void {
  describe(`a Fencer: ${name}`, () => {
    it("reads a running machine as running", async () => {
      const { fencer, vm } = await makeWorld();
      expect((await fencer.state(vm, CALL)).state).toBe("running");
    });

    it("switches off, is never off at the call, and then off for good", async () => {
      const world = await makeWorld();
      const { fencer, vm } = world;
      expect(await fencer.powerOff(vm, SKIP)).toBe("stopping");
      await untilState(world, "off");
      expect((await fencer.state(vm, CALL)).state).toBe("off");
    });

    it("may be told again without harm; where reads may be old, the call says that it was off", async () => {
      const world = await makeWorld();
      const { fencer, vm } = world;
      await fencer.powerOff(vm, SKIP);
      await fencer.powerOff(vm, SKIP);
      await untilState(world, "off");
      const again = await fencer.powerOff(vm, SKIP);
      if (!fencer.areReadsConsistent) expect(again).toBe("off");
      expect((await fencer.state(vm, CALL)).state).toBe("off");
    });

    it("lets the guest shut down when asked to", async () => {
      const world = await makeWorld();
      expect(await world.fencer.powerOff(world.vm, { graceful: true, ...CALL })).toBe("stopping");
      await untilState(world, "off");
    });

    it("switches on again, and leaves a running machine alone", async () => {
      const world = await makeWorld();
      const { fencer, vm } = world;
      await fencer.powerOff(vm, SKIP);
      await untilState(world, "off");
      await fencer.powerOn(vm, CALL);
      await untilState(world, "running");
      await fencer.powerOn(vm, CALL);
      expect((await fencer.state(vm, CALL)).state).toBe("running");
    });

    it("knows no state of a machine that is not found", async () => {
      const { fencer, missing } = await makeWorld();
      expect(await codeOf(fencer.state(missing, CALL))).toBe("NotFound");
      expect(await codeOf(fencer.powerOff(missing, SKIP))).toBe("NotFound");
      expect(await codeOf(fencer.check(missing, CALL))).toBe("NotFound");
    });

    it.skipIf(skips.check !== undefined)(
      `checks that it may switch off, and changes nothing${skips.check === undefined ? "" : ` (skipped: ${skips.check})`}`,
      async () => {
        const { fencer, vm } = await makeWorld();
        await fencer.check(vm, CALL);
        expect((await fencer.state(vm, CALL)).state).toBe("running");
      },
    );
  });
}

/**
 * `examples/azure-internal-lb`: the client is in the virtual network, and so is a machine that the members ping to know
 * whether they are cut off (where this machine has the program `ping`, and real packets).
 */
import { execFileSync } from "node:child_process";
import type { KubeObject } from "../../kube/ports.ts";
import type { Emulator, Ground } from "../world/emulator.ts";
import { loadBalancerScenario } from "./azure-load-balancer.ts";

/** As the example has it. */
const PINGED = "10.5.0.4";

export const AZURE_INTERNAL_LB_SCENARIO = loadBalancerScenario({
  example: "azure-internal-lb",
  frontend: "internal",
  emulators: (ground) => [new PingedMachine(ground)],
  adapt: (objects, ground) => (canPing(ground) ? objects : objects.map(withoutIsolation)),
});

/** Answers pings: an address of the control namespace, whose kernel does. */
class PingedMachine implements Emulator {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async start(): Promise<void> {
    if (canPing(this.#ground)) await this.#ground.publish(PINGED);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function canPing({ mode }: Ground): boolean {
  if (mode === "loopback") return false;
  try {
    execFileSync("ping", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function withoutIsolation(object: KubeObject): KubeObject {
  const { spec } = object as { spec?: Record<string, unknown> };
  if (spec?.["isolation"] === undefined) return object;
  const { isolation: _isolation, ...rest } = spec;
  return { ...object, spec: rest } as KubeObject;
}

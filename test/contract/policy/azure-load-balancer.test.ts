import { expect, it } from "vitest";
import { readFiles } from "../../../src/cli/preflight-input.ts";
import { AMBIENT } from "../../../src/cli/preflight-needs.ts";
import { policiesOf } from "../../../src/cli/preflight-policy.ts";
import { LOAD_BALANCER_ACTIONS } from "../../../src/sandbox/scenarios/azure-load-balancer.ts";
import { providerIdOf } from "../../builders/probe-port-world.ts";

it.each(["azure-public-lb", "azure-internal-lb", "azure-internal-lb-dsr"])(
  "the virtual Azure allows exactly what preflight prints for examples/%s",
  (example) => {
    const manifests = readFiles(`examples/${example}`);
    const nodes = ["node1", "node2"].map((name) => ({ metadata: { name }, spec: { providerID: providerIdOf(name) } }));
    const input = { ...manifests, nodes };
    expect(policiesOf(input, input.groups).azure[AMBIENT]?.Actions.toSorted()).toEqual(LOAD_BALANCER_ACTIONS);
  },
);

/**
 * What a scenario is: a network, a service, a client, emulated clouds, what a user applies, and what goes wrong then.
 * To add one: a file that exports a `Scenario`, and its line in `catalogue.ts` and in `options.ts`.
 */
import type { TopologyName } from "../network/topologies.ts";
import type { FaultResult } from "../report/result.ts";
import type { Emulator, Ground } from "../world/emulator.ts";
import type { Stage } from "./stage.ts";

export type Play = (stage: Stage) => Promise<FaultResult>;

/** Whom the client asks; by name it resolves as its site would, with a cache that obeys the TTL. */
export type ClientTarget =
  | { readonly host: string; readonly port: number }
  | { readonly name: string; readonly port: number };

export interface ScenarioParts {
  /** Started in this order. EC2 is always there in AWS's world. */
  readonly emulators: readonly Emulator[];
  readonly client: ClientTarget;
  /** What a user would apply, and what has to be set up in the cloud before. */
  apply(stage: Stage): Promise<void>;
  /** In the order in which they are played. */
  readonly faults: readonly Play[];
  /** See `Stage`; 0 when omitted. */
  readonly spreadMs?: number;
  /** What is only imitated on this machine, each a clause: "the Elastic IP is a TCP relay in the router". */
  readonly notReal?: readonly string[];
}

export interface Scenario {
  /** What is applied, for the timeline: `examples/aws-dns`. */
  readonly what: string;
  readonly topology: TopologyName;
  /** What the demo service binds to, where the mode allows it; `virtual-ip` also proves who is active. */
  readonly service: "virtual-ip" | "own-address" | "any-address";
  /** Of the demo service; 8080 when omitted. */
  readonly servicePort?: number;
  /** Name of the FailoverGroup in the default namespace; `failover1` when omitted. */
  readonly group?: string;
  /** Once per run. The parts may keep hold of the emulators that they make. */
  build(ground: Ground): ScenarioParts;
}

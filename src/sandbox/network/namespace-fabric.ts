/** Machines as network namespaces, joined by a router namespace that forwards as the emulated EC2 tables say. */
import type { Clock } from "../../lib/clock.ts";
import type { Ec2State } from "../ec2/ports.ts";
import { pidsInNamespace } from "../launcher/processes.ts";
import type { Fabric } from "./fabric.ts";
import { forwardingLines, forwardingOf, NO_DETOURS, NO_FORWARDING } from "./forwarding.ts";
import type { Detours, Forwarding, SubnetWire, WireFacts } from "./forwarding.ts";
import { ip, IpBatch } from "./ip-command.ts";
import { guestDownLines, guestLines, namespaceOf, routerDevice, vmOf } from "./topology.ts";
import type { Topology } from "./topology.ts";

export interface NamespaceFabricOptions {
  readonly topology: Topology;
  readonly subnets: readonly SubnetWire[];
  /** Pids that live in a machine's namespace without being part of the machine: the observers. */
  readonly outsiders: ReadonlySet<number>;
}

export class NamespaceFabric implements Fabric {
  readonly mode = "namespaces" as const;
  readonly #options: NamespaceFabricOptions;
  readonly #router: IpBatch;
  readonly #guests: ReadonlyMap<string, IpBatch>;
  #wanted: Forwarding = NO_FORWARDING;
  #applied: Forwarding = NO_FORWARDING;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: NamespaceFabricOptions, modules: { readonly clock: Clock }) {
    const { id, vms } = options.topology;
    this.#options = options;
    this.#router = new IpBatch(namespaceOf(id, "router"), modules.clock);
    this.#guests = new Map(vms.map((vm) => [vm.name, new IpBatch(namespaceOf(id, vm.name), modules.clock)]));
  }

  enter(place: string, argv: readonly string[]): readonly string[] {
    // The orchestrator itself runs in the control namespace.
    if (place === "control") return argv;
    return ["ip", "netns", "exec", namespaceOf(this.#options.topology.id, place), ...argv];
  }

  processesOf(vm: string): readonly number[] {
    return pidsInNamespace(namespaceOf(this.#options.topology.id, vm)).filter(
      (pid) => !this.#options.outsiders.has(pid) && !this.#isOwnBatch(pid),
    );
  }

  async guestUp(vm: string): Promise<void> {
    await this.#guest(vm).run(guestLines(vmOf(this.#options.topology, vm)));
  }

  async guestDown(vm: string): Promise<void> {
    await this.#guest(vm).run(guestDownLines());
  }

  forward(state: Ec2State, wires: readonly WireFacts[], detours: Detours = NO_DETOURS): Promise<void> {
    this.#wanted = forwardingOf(state, this.#options.subnets, wires, detours);
    this.#applying = this.#applying.then(async () => {
      const target = this.#wanted;
      const lines = forwardingLines(this.#applied, target);
      this.#applied = target;
      await this.#router.run(lines);
    });
    return this.#applying;
  }

  /** The orchestrator runs in the control namespace. */
  async publish(address: string): Promise<void> {
    const { control } = this.#options.topology;
    await ip(["address", "replace", `${address}/32`, "dev", "lo"]);
    await this.#router.run([`route replace ${address}/32 via ${control.address} dev ${routerDevice(control.name)}`]);
  }

  close(): Promise<void> {
    this.#router.close();
    for (const batch of this.#guests.values()) batch.close();
    return Promise.resolve();
  }

  /** A batch process has entered the namespace of the guest it serves, but is ours. */
  #isOwnBatch(pid: number): boolean {
    return [...this.#guests.values()].some((batch) => batch.pid === pid);
  }

  #guest(vm: string): IpBatch {
    const batch = this.#guests.get(vm);
    if (batch === undefined) throw new RangeError(`no machine named ${vm}`);
    return batch;
  }
}

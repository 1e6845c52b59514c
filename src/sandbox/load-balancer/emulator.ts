/**
 * Azure's load balancer between clients and machines: it probes the members of each rule's pool and sends new flows to
 * those that answer. What it does follows the emulated Azure's state as it is at that moment.
 *
 *   rule without floating IP   a TCP relay at the frontend; the backend sees the load balancer as its client
 *   rule with floating IP      the router leads the frontend's packets unchanged to one backend (Direct Server Return:
 *                              what the backend answers goes straight to the client); a relay in loopback mode
 *
 * As documented ("Azure Load Balancer health probes", "Probe down behavior"): new flows go to backends that are up only; with
 * every backend down nobody gets them, without an answer; a flow that is established stays with its backend whatever the
 * probes say. The latter holds for relays: a router knows no flows, so those of a floating IP follow the probes.
 */
import type { Timer } from "../../lib/clock.ts";
import type { ArmLoadBalancer, ArmProbe, ArmRule, VirtualNetworks } from "../arm/network-state.ts";
import { type Endpoint, TcpRelay } from "../loopback/tcp-relay.ts";
import type { Emulator, Ground } from "../world/emulator.ts";
import { BackendHealth } from "./health.ts";
import { tcpProbe } from "./tcp-probe.ts";

/** Source of every probe ("What is IP address 168.63.129.16?"). */
export const PROBE_SOURCE = "168.63.129.16";

export interface LoadBalancerOptions {
  readonly networks: VirtualNetworks;
  readonly resourceGroup: string;
  readonly name: string;
  /** What the probes' intervals are multiplied with: 1 = as in Azure. */
  readonly pace: number;
  /** Where a frontend address is really listened on; omitted: at the address itself. */
  readonly listenAt?: (frontend: string) => string;
}

interface Backend {
  readonly vm: string;
  readonly health: BackendHealth;
}

interface ServedRule {
  readonly name: string;
  readonly frontend: string;
  relay: TcpRelay | undefined;
  /** Machine that the router leads a floating frontend to. */
  ledTo: string | undefined;
  next: number;
}

export class LoadBalancerEmulator implements Emulator {
  readonly #options: LoadBalancerOptions;
  readonly #ground: Ground;
  /** By probe and machine. */
  readonly #backends = new Map<string, Backend>();
  readonly #rules: ServedRule[] = [];
  readonly #timers = new Set<Timer>();
  #isClosed = false;

  constructor(options: LoadBalancerOptions, ground: Ground) {
    this.#options = options;
    this.#ground = ground;
  }

  async start(): Promise<void> {
    const balancer = this.#balancer();
    await this.#ground.publish(PROBE_SOURCE);
    for (const rule of balancer.rules) await this.#serve(balancer, rule);
    for (const probe of balancer.probes) this.#probeNext(probe.name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    for (const { relay } of this.#rules) relay?.close();
    await Promise.resolve();
  }

  /** Machines that a probe finds up, by the name of the probe. */
  healthy(probe: string): string[] {
    return [...this.#backends].flatMap(([key, { vm, health }]) =>
      key.startsWith(`${probe} `) && health.isUp ? [vm] : [],
    );
  }

  #balancer(): ArmLoadBalancer {
    const found = this.#options.networks.findLoadBalancer(this.#options);
    if (found === undefined) throw new Error(`there is no load balancer ${this.#options.name}`);
    return found;
  }

  /** A floating frontend of real packets belongs to nobody here; any other one is listened on. */
  async #serve(balancer: ArmLoadBalancer, rule: ArmRule): Promise<void> {
    const frontend = balancer.frontends.find(({ name }) => name === rule.frontend);
    if (frontend === undefined) throw new Error(`rule ${rule.name} has no frontend ${rule.frontend}`);
    const served: ServedRule = {
      name: rule.name,
      frontend: frontend.address,
      relay: undefined,
      ledTo: undefined,
      next: 0,
    };
    this.#rules.push(served);
    if (rule.isFloatingIp && this.#ground.mode === "namespaces") {
      await this.#ground.lead(frontend.address, undefined);
      return;
    }
    const host = this.#options.listenAt?.(frontend.address) ?? frontend.address;
    await this.#ground.publish(host);
    served.relay = new TcpRelay({
      listen: { host, port: rule.frontendPort },
      target: () => this.#targetOf(served),
      // Real packets meet the wires on their way; in loopback mode nothing else does.
      cut: ({ host }) => {
        const isCut = this.#ground.mode === "loopback" && !this.#isReachable(host);
        return { towardsTarget: isCut, towardsSource: isCut };
      },
    });
    await served.relay.listen();
  }

  /** Several backends that are up share new flows in turn. */
  #targetOf(served: ServedRule): Endpoint | undefined {
    const rule = this.#ruleOf(served);
    const up = rule === undefined ? [] : this.#upFor(rule);
    const vm = up[served.next++ % Math.max(1, up.length)];
    return vm === undefined || rule === undefined
      ? undefined
      : { host: this.#ground.reachAddress(vm), port: rule.backendPort };
  }

  #ruleOf({ name }: ServedRule): ArmRule | undefined {
    return this.#balancer().rules.find((rule) => rule.name === name);
  }

  /** A rule without a probe takes every member for healthy. */
  #upFor(rule: ArmRule): string[] {
    const members = this.#membersOf(rule);
    if (rule.probe === undefined) return members;
    const healthy = this.healthy(rule.probe);
    return members.filter((vm) => healthy.includes(vm));
  }

  #membersOf(rule: ArmRule): string[] {
    const balancer = this.#balancer();
    const pool = balancer.pools.find(({ name }) => name === rule.pool);
    if (pool === undefined) return [];
    const addresses = this.#options.networks.backendsOf(balancer, pool);
    return this.#ground.topology.vms.filter(({ address }) => addresses.includes(address)).map(({ name }) => name);
  }

  #isReachable(host: string): boolean {
    const vm = this.#ground.topology.vms.find(({ name }) => this.#ground.reachAddress(name) === host);
    return vm !== undefined && this.#ground.isReachable(vm.name);
  }

  #probeNext(name: string): void {
    if (this.#isClosed) return;
    const probe = this.#balancer().probes.find((found) => found.name === name);
    if (probe === undefined) return;
    const intervalMs = probe.intervalSeconds * 1_000 * this.#options.pace;
    const timer = this.#ground.clock.setTimer(intervalMs, () => {
      this.#timers.delete(timer);
      this.#probeNext(name);
    });
    this.#timers.add(timer);
    void this.#probeAll(probe, intervalMs);
  }

  async #probeAll(probe: ArmProbe, intervalMs: number): Promise<void> {
    const rules = this.#balancer().rules.filter((rule) => rule.probe === probe.name);
    const members = new Set(rules.flatMap((rule) => this.#membersOf(rule)));
    for (const [key, { vm }] of this.#backends)
      if (key.startsWith(`${probe.name} `) && !members.has(vm)) this.#backends.delete(key);
    await Promise.all([...members].map((vm) => this.#probeOne(probe, vm, intervalMs)));
    for (const { relay } of this.#rules) relay?.wiresChanged();
    await this.#leadFloating();
  }

  async #probeOne(probe: ArmProbe, vm: string, intervalMs: number): Promise<void> {
    const { clock, mode } = this.#ground;
    const key = `${probe.name} ${vm}`;
    const backend = this.#backends.get(key) ?? { vm, health: new BackendHealth(probe.threshold) };
    this.#backends.set(key, backend);
    const target = { host: this.#ground.reachAddress(vm), port: probe.port };
    const from = mode === "namespaces" ? { from: PROBE_SOURCE } : {};
    const isWired = mode === "namespaces" || this.#ground.isReachable(vm);
    // A probe that is not answered within the interval has failed.
    backend.health.note(isWired && (await tcpProbe({ ...target, ...from }, intervalMs * 0.9, clock)));
  }

  /** Stays with a backend as long as it is up. */
  async #leadFloating(): Promise<void> {
    if (this.#ground.mode !== "namespaces" || this.#isClosed) return;
    for (const served of this.#rules) {
      const rule = this.#ruleOf(served);
      if (rule?.isFloatingIp !== true) continue;
      const up = this.#upFor(rule);
      const vm = served.ledTo !== undefined && up.includes(served.ledTo) ? served.ledTo : up[0];
      if (vm === served.ledTo) continue;
      served.ledTo = vm;
      await this.#ground.lead(served.frontend, vm);
    }
  }
}

/**
 * A group's address on this node: `address/32` on the interface that carries the node's traffic, announced to the
 * neighbours. Going down cuts the connections to it before it is removed: the kernel would keep them.
 *
 * The frontend address of Direct Server Return goes on the loopback instead, and the neighbours must not learn it from here:
 * the silence about it begins before it is there and ends after it is gone (LVS direct routing, "the ARP problem").
 */
import { messageOf } from "../../lib/errors.ts";
import type { Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import {
  DONE,
  failed,
  GUARD_REFUSED,
  type LocalPart,
  type StepContext,
  type StopContext,
} from "../worker/local-part.ts";
import type { StepOutcome } from "../worker/group-state.ts";
import type { AddressPlan } from "../worker/part-plan.ts";
import {
  type AddressAnnouncer,
  type AddressPort,
  type ArpSilence,
  holdersOf,
  type InterfaceFacts,
  type ServiceConnections,
} from "./port.ts";

export interface AddressPartModules {
  readonly addresses: AddressPort;
  readonly announcer: AddressAnnouncer;
  readonly connections: ServiceConnections;
  /** Absent: nobody on the wire learns anything from this host (no kernel, no ARP). */
  readonly arp?: ArpSilence;
  /** The node's own address, as far as it is known. */
  readonly nodeAddress: () => string | undefined;
}

export class AddressPart implements LocalPart {
  readonly #plan: AddressPlan;
  readonly #modules: AddressPartModules;

  constructor(plan: AddressPlan, modules: AddressPartModules) {
    this.#plan = plan;
    this.#modules = modules;
  }

  async holdings(): Promise<readonly Holding[]> {
    try {
      const chosen = await this.#chooseInterface();
      return chosen === undefined ? [] : [holding(chosen, this.#plan.address)];
    } catch {
      // The start will find the same and say so.
      return [];
    }
  }

  async start(context: StepContext): Promise<StepOutcome> {
    const { addresses, announcer, arp } = this.#modules;
    const { address } = this.#plan;
    try {
      const chosen = await this.#chooseInterface();
      if (chosen === undefined) return failed("ActivationFailed", this.#noInterface());
      if (!(await context.hold(holding(chosen, address)))) return GUARD_REFUSED;
      if (context.signal.aborted) return failed("ActivationFailed", "ended early");
      if (this.#isFrontend) await arp?.keep(address);
      await addresses.add(chosen, address);
      if (!this.#isFrontend) announcer.announce(chosen, address);
      return DONE;
    } catch (thrown) {
      return failed("ActivationFailed", messageOf(thrown));
    }
  }

  async stop(context: StopContext): Promise<StepOutcome> {
    const { addresses, connections, arp } = this.#modules;
    const { address } = this.#plan;
    try {
      const holders = holdersOf(await addresses.interfaces(), address);
      // Before: once the address is gone its sockets cannot tell the other side any more.
      if (holders.length > 0 && !context.isCut) await connections.reset({ addresses: [address], ports: [] });
      await Promise.all(holders.map((name) => addresses.remove(name, address)));
      const left = holdersOf(await addresses.interfaces(), address);
      if (left.length > 0) return failed("Deactivating", `${address} is still on ${left.join(", ")}`);
      for (const name of holders) context.released(holding(name, address));
      if (this.#isFrontend) await arp?.end(address);
      return DONE;
    } catch (thrown) {
      return failed("Deactivating", messageOf(thrown));
    }
  }

  async leaveBehind(context: StepContext): Promise<void> {
    const { addresses } = this.#modules;
    const { address } = this.#plan;
    try {
      for (const name of holdersOf(await addresses.interfaces(), address)) {
        await addresses.unmark?.(name, address);
        context.released(holding(name, address));
      }
    } catch {
      // It keeps its mark, and so will be removed when the agent next takes everything down: the safe side.
      return;
    }
  }

  async check(): Promise<Reading> {
    const { addresses, arp } = this.#modules;
    const { address } = this.#plan;
    try {
      const holders = holdersOf(await addresses.interfaces(), address);
      if (!this.#isFrontend)
        return holders.length > 0 ? { result: "good" } : this.#bad(`${address} is not on any interface of this node`);
      // On another interface, or without the silence, neighbours would be told that it is here.
      if (!holders.includes(this.#loopback)) return this.#bad(`${address} is not on the loopback of this node`);
      if ((await arp?.isKept()) === false) return this.#bad(`neighbours may learn ${address} from this node by ARP`);
      return { result: "good" };
    } catch (thrown) {
      return { result: "unknown", message: messageOf(thrown) };
    }
  }

  #bad(message: string): Reading {
    return { result: "bad", reason: this.#plan.missingReason, message, isProven: true };
  }

  get #isFrontend(): boolean {
    return this.#plan.missingReason === "FrontendMissing";
  }

  get #loopback(): string {
    return this.#modules.addresses.loopback ?? "lo";
  }

  async #chooseInterface(): Promise<string | undefined> {
    const { addresses, nodeAddress } = this.#modules;
    if (this.#isFrontend) return this.#loopback;
    return chooseInterface(await addresses.interfaces(), this.#plan.interfaces, nodeAddress());
  }

  #noInterface(): string {
    const wanted = this.#plan.interfaces;
    return wanted.length > 0
      ? `no interface of this node is called ${wanted.join(" or ")}`
      : "no interface of this node is up and has an address; name one in spec.members[].interface";
  }
}

function holding(interfaceName: string, address: string): Holding {
  return { kind: "address", interface: interfaceName, cidr: `${address}/32` };
}

/** What was asked for or found by the controller; else the interface of the node's own address; else the first that is up. */
export function chooseInterface(
  interfaces: readonly InterfaceFacts[],
  wanted: readonly string[],
  nodeAddress: string | undefined,
): string | undefined {
  const named = wanted.find((name) => interfaces.some((facts) => facts.name === name));
  if (wanted.length > 0) return named;
  const own = nodeAddress === undefined ? undefined : holdersOf(interfaces, nodeAddress)[0];
  return own ?? interfaces.find((facts) => facts.name !== "lo" && facts.isUp)?.name;
}

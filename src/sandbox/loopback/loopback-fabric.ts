/**
 * Machines without namespaces: their processes are told apart by a marker in their environment, and everything
 * between them goes through relays that obey the wires, the cut links and the emulated route tables.
 * Not real here: packets, ARP, addresses on interfaces (a file holds them), and that a crash is silent (the kernel
 * closes the sockets of what was killed).
 */
import { rmSync } from "node:fs";
import { cidrContains } from "../../lib/ipv4.ts";
import type { Ec2State } from "../ec2/ports.ts";
import { pidsRunningFrom, pidsWithEnvironment, VM_MARKER } from "../launcher/processes.ts";
import type { Fabric } from "../network/fabric.ts";
import { NO_DETOURS, reachableWire, tableOf } from "../network/forwarding.ts";
import type { Detours, WireFacts } from "../network/forwarding.ts";
import { TOPOLOGIES } from "../network/topologies.ts";
import { API_PORT, vmOf } from "../network/topology.ts";
import type { Topology, VmPlace } from "../network/topology.ts";
import { heldAddressesFile, holdsInFile } from "./file-interface.ts";
import type { VmFiles } from "../vm/vm-files.ts";
import { TcpRelay } from "./tcp-relay.ts";
import type { Endpoint } from "./tcp-relay.ts";
import { guestAddress, routerAddress } from "./topology.ts";
import { UdpRelay } from "./udp-relay.ts";

export interface LoopbackFabricOptions {
  readonly topology: Topology;
  readonly clientSubnetId: string;
  readonly peerPort: number;
  readonly servicePort: number;
  readonly files: (vm: string) => VmFiles;
}

export class LoopbackFabric implements Fabric {
  readonly mode = "loopback" as const;
  readonly #options: LoopbackFabricOptions;
  /** The same world with the addresses that links speak of. */
  readonly #model: Topology;
  readonly #relays: readonly TcpRelay[];
  readonly #datagrams: UdpRelay;
  #state: Ec2State | undefined;
  #wires: readonly WireFacts[] = [];
  #detours: Detours = NO_DETOURS;

  constructor(options: LoopbackFabricOptions) {
    const { topology, peerPort } = options;
    this.#options = options;
    this.#model = TOPOLOGIES[topology.name](topology.id);
    this.#relays = [
      this.#virtualIpRelay(),
      ...topology.vms.flatMap((vm) => [this.#memberRelay(vm), this.#apiRelay(vm)]),
    ];
    this.#datagrams = new UdpRelay({
      port: peerPort,
      machines: topology.vms.map((vm) => ({
        name: vm.name,
        publicAddress: vm.address,
        guestAddress: guestAddress(vm),
      })),
      passes: (from, to) => !this.#wire(from).outboundCut && !this.#wire(to).inboundCut,
    });
  }

  async listen(): Promise<void> {
    for (const relay of this.#relays) await relay.listen();
    await this.#datagrams.listen();
  }

  enter(_place: string, argv: readonly string[]): readonly string[] {
    return argv;
  }

  processesOf(vm: string): readonly number[] {
    const marked = pidsWithEnvironment(VM_MARKER, `${this.#options.topology.id}/${vm}`);
    return [...new Set([...marked, ...pidsRunningFrom(this.#options.files(vm).root)])];
  }

  guestUp(vm: string): Promise<void> {
    return this.guestDown(vm);
  }

  guestDown(vm: string): Promise<void> {
    rmSync(heldAddressesFile(this.#options.files(vm)), { force: true });
    return Promise.resolve();
  }

  forward(state: Ec2State, wires: readonly WireFacts[], detours: Detours = NO_DETOURS): Promise<void> {
    this.#state = state;
    this.#wires = wires;
    this.#detours = detours;
    for (const relay of this.#relays) relay.wiresChanged();
    return Promise.resolve();
  }

  /** Every address of 127.0.0.0/8 leads to every process already. */
  publish(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    for (const relay of this.#relays) relay.close();
    this.#datagrams.close();
    return Promise.resolve();
  }

  /** Leads to the machine that the client's route table names, if that machine holds the address. */
  #virtualIpRelay(): TcpRelay {
    return new TcpRelay({
      listen: { host: routerAddress(this.#options.topology), port: this.#options.servicePort },
      target: () => this.#virtualIpTarget(),
      cut: () => ({ towardsTarget: false, towardsSource: false }),
    });
  }

  #virtualIpTarget(): Endpoint | undefined {
    const { topology, clientSubnetId, files, servicePort } = this.#options;
    if (this.#state === undefined) return undefined;
    const destination = `${topology.virtualIp}/32`;
    const routes = tableOf(this.#state, clientSubnetId)?.routes ?? [];
    const target = routes.find((route) => route.destinationCidr === destination)?.target;
    if (target?.type !== "networkInterface") return undefined;
    const eni = this.#state.networkInterfaces.get(target.networkInterfaceId);
    const wire = reachableWire(eni, this.#wires, this.#state);
    if (wire === undefined || wire.outboundCut) return undefined;
    const vm = vmOf(topology, wire.name);
    if (!holdsInFile(heldAddressesFile(files(vm.name)), topology.virtualIp)) return undefined;
    return { host: guestAddress(vm), port: servicePort };
  }

  /** The way to the service at a machine's own address. */
  #memberRelay(vm: VmPlace): TcpRelay {
    const { servicePort } = this.#options;
    const isCut = (): boolean => this.#isCutFromClient(vm.name);
    return new TcpRelay({
      listen: { host: vm.address, port: servicePort },
      target: () => ({ host: guestAddress(vm), port: servicePort }),
      cut: () => ({
        towardsTarget: isCut() || this.#wire(vm.name).inboundCut,
        towardsSource: isCut() || this.#wire(vm.name).outboundCut,
      }),
    });
  }

  /** Whether a link that is cut lies between the client's site and a machine. */
  #isCutFromClient(vm: string): boolean {
    const { client } = this.#model;
    const { address } = vmOf(this.#model, vm);
    return this.#detours.cutLinks.some(({ between: [a, b] }) => {
      const joins = (from: string, to: string): boolean => cidrContains(a, from) && cidrContains(b, to);
      return joins(client.address, address) || joins(address, client.address);
    });
  }

  /** A machine's way to the API server. */
  #apiRelay(vm: VmPlace): TcpRelay {
    const { topology } = this.#options;
    return new TcpRelay({
      listen: { host: vm.address, port: API_PORT },
      target: () => ({ host: topology.control.address, port: API_PORT }),
      cut: () => ({ towardsTarget: this.#wire(vm.name).outboundCut, towardsSource: this.#wire(vm.name).inboundCut }),
    });
  }

  #wire(vm: string): Pick<WireFacts, "inboundCut" | "outboundCut"> {
    return this.#wires.find((wire) => wire.name === vm) ?? { inboundCut: true, outboundCut: true };
  }
}

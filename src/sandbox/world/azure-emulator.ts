/**
 * Azure of the world: Resource Manager with a token endpoint, the machines of one subscription, and whatever providers
 * a scenario brings (DNS zones, load balancers).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ArmEndpoint, startArmEndpoint } from "../arm/endpoint.ts";
import type { ArmIdentity, ArmProvider, ArmRole } from "../arm/provider.ts";
import { VirtualMachines } from "../arm/virtual-machines.ts";
import { ARM_PORT, type Topology } from "../network/topology.ts";
import type { Emulator, Ground } from "./emulator.ts";
import type { KubeMachine } from "./kube-world.ts";

/** Names of guide 001. */
export const AZURE_SUBSCRIPTION = "12345678-1234-4234-8234-123456789abc";
export const AZURE_RESOURCE_GROUP = "TestGroup1";

/** As the Azure cloud provider registers them. */
export function azureMachines(topology: Topology): KubeMachine[] {
  return topology.vms.map((vm) => ({ ...vm, providerId: `azure://${azureVmId(vm.name)}` }));
}

/** Resource id of a machine. */
export function azureVmId(vm: string): string {
  const group = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/${AZURE_RESOURCE_GROUP}`;
  return `${group}/providers/Microsoft.Compute/virtualMachines/${vm}`;
}

export interface AzureEmulatorOptions {
  readonly identities: readonly ArmIdentity[];
  readonly providers: readonly ArmProvider[];
  /** What controllers get besides, e.g. AZURE_CLIENT_ID of an ambient identity. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class AzureEmulator implements Emulator {
  readonly machines: VirtualMachines;
  readonly #ground: Ground;
  readonly #options: AzureEmulatorOptions;
  #endpoint: ArmEndpoint | undefined;

  constructor(options: AzureEmulatorOptions, ground: Ground) {
    this.#options = options;
    this.#ground = ground;
    this.machines = new VirtualMachines({ subscriptionId: AZURE_SUBSCRIPTION }, { clock: ground.clock });
    for (const { name } of ground.topology.vms) {
      this.machines.put({ resourceGroup: AZURE_RESOURCE_GROUP, name, power: "running" });
    }
    this.machines.setHypervisor({
      start: (machine) => ground.machine(machine.name).boot(),
      stop: (machine, { skipShutdown }) =>
        skipShutdown ? ground.machine(machine.name).powerOff() : ground.machine(machine.name).shutDown(),
    });
  }

  /** Only once it has started. */
  get endpoint(): ArmEndpoint {
    if (this.#endpoint === undefined) throw new Error("the emulated Azure has not started");
    return this.#endpoint;
  }

  async start(): Promise<void> {
    const { topology, latencyMs, clock, random } = this.#ground;
    const { identities, providers } = this.#options;
    const where = { host: topology.control.address, port: ARM_PORT };
    this.#endpoint = await startArmEndpoint(
      { ...where, identities, latencyMs },
      { machines: this.machines, providers, clock, random },
    );
    writeFileSync(this.#caFile, this.#endpoint.certificate);
  }

  controllerFlags(): readonly string[] {
    const { url } = this.endpoint;
    return ["--azure-endpoint", url, "--azure-authority", url, "--azure-ca-file", this.#caFile];
  }

  controllerEnvironment(): Readonly<Record<string, string>> {
    return this.#options.environment ?? {};
  }

  restrictTo(role: ArmRole): void {
    this.endpoint.restrict(role);
  }

  refused(): readonly string[] {
    return this.#endpoint?.refused ?? [];
  }

  async close(): Promise<void> {
    await this.#endpoint?.close();
  }

  get #caFile(): string {
    return join(this.#ground.directory, "arm-ca.pem");
  }
}

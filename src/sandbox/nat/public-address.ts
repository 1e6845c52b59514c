/**
 * An Elastic IP as clients on the internet see it: whoever connects to it reaches the machine whose interface it is
 * associated with now, if EC2 says that its instance runs and its wire is whole; otherwise nothing answers.
 * Imitated: AWS translates packets one to one; here a relay carries the service's TCP connections, which needs no tool for
 * address translation on this machine. A connection that stands when the association moves is lost, as on AWS.
 */
import { TcpRelay, type Endpoint } from "../loopback/tcp-relay.ts";
import type { Emulator, Ground } from "../world/emulator.ts";

export interface PublicAddressOptions {
  readonly address: string;
  readonly port: number;
}

export class PublicAddress implements Emulator {
  readonly #options: PublicAddressOptions;
  readonly #ground: Ground;
  readonly #relay: TcpRelay;
  #endSubscriptions: readonly (() => void)[] = [];

  constructor(options: PublicAddressOptions, ground: Ground) {
    this.#options = options;
    this.#ground = ground;
    this.#relay = new TcpRelay({
      listen: { host: options.address, port: options.port },
      target: () => this.#target(),
      cut: () => {
        const isCut = this.#holder() === undefined;
        return { towardsTarget: isCut, towardsSource: isCut };
      },
    });
  }

  async start(): Promise<void> {
    await this.#ground.publish(this.#options.address);
    await this.#relay.listen();
    this.#endSubscriptions = this.#ground.regions.map((region) => region.subscribe(() => this.#relay.wiresChanged()));
  }

  close(): Promise<void> {
    for (const end of this.#endSubscriptions) end();
    this.#relay.close();
    return Promise.resolve();
  }

  /** The machine that answers at the address now. */
  #holder(): string | undefined {
    const { regions, ec2World } = this.#ground;
    for (const { state } of regions) {
      const address = [...state.addresses.values()].find((held) => held.publicIp === this.#options.address);
      const eni = state.networkInterfaces.get(address?.networkInterfaceId ?? "");
      const instance = state.instances.get(eni?.attachment?.instanceId ?? "");
      if (instance?.state !== "running") continue;
      const vm = ec2World.vmOf(instance.instanceId);
      if (vm !== undefined && this.#ground.isReachable(vm)) return vm;
    }
    return undefined;
  }

  #target(): Endpoint | undefined {
    const holder = this.#holder();
    return holder === undefined ? undefined : { host: this.#ground.reachAddress(holder), port: this.#options.port };
  }
}

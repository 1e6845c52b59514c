/**
 * The cloud of a simulated world: the virtual EC2, asked across the network. Calls are throttled, answered late or from an
 * older state, carried out after their caller gave up, or carried out without an answer.
 */
import { AwsFencer } from "../../../src/cloud/aws/fencer.ts";
import type { CloudCallOptions, Ec2Port, Ec2PowerPort, PowerChange } from "../../../src/cloud/aws/ports.ts";
import { CloudError } from "../../../src/cloud/errors.ts";
import { sleep } from "../../../src/lib/clock.ts";
import type { Random } from "../../../src/lib/random.ts";
import { VirtualEc2 } from "../../../src/sandbox/ec2/virtual-ec2.ts";
import { FakeEc2 } from "../../fakes/fake-ec2.ts";
import type { SimProcess } from "../engine/process.ts";
import { CLOUD, type Network } from "./network.ts";

export const REGION = "eu-central-1";

export interface RouteWrite {
  readonly process: SimProcess;
  readonly destinationCidr: string;
  readonly networkInterfaceId: string;
  /** True time at which the call left the process. */
  readonly sentMs: number;
}

export interface StopCall {
  readonly process: SimProcess;
  readonly instanceId: string;
  /** True time at which the call left the process. */
  readonly sentMs: number;
}

export class SimCloud {
  readonly ec2: VirtualEc2;
  throttleChance = 0;
  staleChance = 0;
  onRouteSent: (write: RouteWrite) => void = () => undefined;
  /** Pulls the plug of an instance, or gives it power. */
  onPower: (instanceId: string, isOn: boolean) => void = () => undefined;
  onRouteWrite: (write: RouteWrite) => void = () => undefined;
  onStopSent: (call: StopCall) => void = () => undefined;
  /** The machine ran and is being stopped. */
  onStop: (call: StopCall) => void = () => undefined;
  readonly #network: Network;
  readonly #random: Random;
  readonly #fake: FakeEc2;
  readonly #earlier = new Map<string, unknown>();
  readonly #table: string;
  readonly #subnet: string;

  constructor(clock: SimProcess, network: Network, random: Random) {
    this.#network = network;
    this.#random = random;
    this.ec2 = new VirtualEc2({ region: REGION, historyMs: 0 }, { clock, random });
    this.#fake = new FakeEc2(this.ec2);
    const takes = async (leastMs: number, mostMs: number): Promise<void> =>
      await sleep(clock, leastMs + (mostMs - leastMs) * random.next());
    this.ec2.setHypervisor({
      start: async (instanceId) => {
        await takes(100, 1_000);
        this.onPower(instanceId, true);
      },
      stop: async (instanceId) => {
        await takes(300, 4_000);
        this.onPower(instanceId, false);
      },
    });
    this.#table = "rtb-00000000000000001";
    const { vpcId } = this.ec2.createVpc({
      vpcId: "vpc-1111aaaa",
      cidrBlocks: ["10.0.0.0/16"],
      mainRouteTableId: this.#table,
    });
    this.#subnet = this.ec2.createSubnet({
      subnetId: "subnet-0000001",
      vpcId,
      cidrBlock: "10.0.1.0/24",
      availabilityZone: `${REGION}a`,
    }).subnetId;
  }

  /** Returns the provider id of the Node. */
  addMember(index: number, address: string): { readonly providerId: string; readonly eniId: string } {
    const eniId = `eni-0000000${index}`;
    const instanceId = `i-0000000${index}`;
    this.ec2.createNetworkInterface({
      networkInterfaceId: eniId,
      subnetId: this.#subnet,
      privateIpAddress: address,
      macAddress: "02:00:00:00:00:01",
      sourceDestCheck: false,
    });
    this.ec2.createInstance({ name: `node${index}`, instanceId, networkInterfaceIds: [eniId] });
    return { providerId: `aws:///${REGION}a/${instanceId}`, eniId };
  }

  /** A person does it. One that is being stopped or started is left to itself. */
  startMachine(index: number): void {
    const instance = this.ec2.state.instances.get(`i-0000000${index}`);
    if (instance?.state === "stopped") this.ec2.startInstance(instance.instanceId);
  }

  addRoute(address: string, eniId: string): void {
    this.ec2.createRoute(this.#table, `${address}/32`, { type: "networkInterface", networkInterfaceId: eniId });
  }

  /** Where the route to the address points. */
  pointerOf(address: string): string | undefined {
    const table = this.ec2.state.routeTables.get(this.#table);
    const route = table?.routes.find((found) => found.destinationCidr === `${address}/32`);
    return route?.target.type === "networkInterface" ? route.target.networkInterfaceId : undefined;
  }

  portFor(process: SimProcess): Ec2Port {
    const read =
      <Args extends unknown[], T>(action: string, run: (...args: Args) => Promise<T>) =>
      (...args: Args): Promise<T> =>
        this.#call(process, action, JSON.stringify(args.slice(0, -1)), args.at(-1) as CloudCallOptions, () =>
          run(...args),
        );
    const fake = this.#fake;
    return {
      describeVpcs: read("DescribeVpcs", (...args) => fake.describeVpcs(...args)),
      describeVpcDns: read("DescribeVpcAttribute", (...args) => fake.describeVpcDns(...args)),
      describeRouteTables: read("DescribeRouteTables", (...args) => fake.describeRouteTables(...args)),
      describeNetworkInterfaces: read("DescribeNetworkInterfaces", (...args) =>
        fake.describeNetworkInterfaces(...args),
      ),
      describeInstances: read("DescribeInstances", (...args) => fake.describeInstances(...args)),
      replaceRoute: (route, options) => {
        if (options.dryRun === true)
          return this.#call(process, "ReplaceRoute", "", options, () => fake.replaceRoute(route, options));
        const sentMs = process.scheduler.nowMs;
        const write = { process, ...route, sentMs };
        this.onRouteSent(write);
        return this.#call(process, "ReplaceRoute", undefined, options, () => {
          this.onRouteWrite(write);
          return fake.replaceRoute(route, options);
        });
      },
      setSourceDestCheck: (eniId, isOn, options) =>
        this.#call(process, "ModifyNetworkInterfaceAttribute", undefined, options, () =>
          fake.setSourceDestCheck(eniId, isOn, options),
        ),
      describeAddresses: read("DescribeAddresses", (...args) => fake.describeAddresses(...args)),
      associateAddress: (association, options) =>
        this.#call(process, "AssociateAddress", undefined, options, () => fake.associateAddress(association, options)),
      disassociateAddress: (associationId, options) =>
        this.#call(process, "DisassociateAddress", undefined, options, () =>
          fake.disassociateAddress(associationId, options),
        ),
    };
  }

  fencerFor(process: SimProcess): AwsFencer {
    const { describeInstances } = this.portFor(process);
    const power: Ec2PowerPort = {
      describeInstances,
      stopInstance: (instanceId, how, options) => {
        const isReal = options.dryRun !== true;
        const call = { process, instanceId, sentMs: process.scheduler.nowMs };
        if (isReal) this.onStopSent(call);
        return this.#call(process, "StopInstances", undefined, options, async () => {
          if (!isReal) return { previousState: "", currentState: "" };
          const stop = { force: how.force === true, skipOsShutdown: how.skipOsShutdown === true };
          const change = this.ec2.stopInstance(instanceId, stop);
          if (["pending", "running"].includes(change.previous)) this.onStop(call);
          return this.#changed(change);
        });
      },
      startInstance: (instanceId, options) =>
        this.#call(process, "StartInstances", undefined, options, async () =>
          this.#changed(this.ec2.startInstance(instanceId)),
        ),
    };
    return new AwsFencer(power);
  }

  #changed({ previous, current }: { readonly previous: string; readonly current: string }): PowerChange {
    return { previousState: previous, currentState: current };
  }

  /** `readKey` undefined: a write. */
  #call<T>(
    process: SimProcess,
    action: string,
    readKey: string | undefined,
    options: CloudCallOptions,
    run: () => Promise<T>,
  ): Promise<T> {
    const site = process.machine.name;
    const quality = this.#network.qualityOf(`${site}>cloud`);
    return new Promise((resolve, reject) => {
      const timer = process.setTimer(options.timeoutMs, () =>
        reject(new CloudError({ code: "CallTimeout", action }, `EC2 ${action}: no answer in time`)),
      );
      const settle = (apply: () => void): void =>
        this.#network.carry(CLOUD, site, quality, () =>
          process.deliver(() => {
            timer.cancel();
            apply();
          }),
        );
      process.emit(() =>
        this.#network.carry(site, CLOUD, quality, () => {
          if (this.throttleChance > 0 && this.#random.next() < this.throttleChance)
            return settle(() => reject(new CloudError({ code: "Throttled", action }, `EC2 ${action}: throttled`)));
          const key = readKey === undefined ? undefined : `${action} ${readKey}`;
          if (key !== undefined && this.staleChance > 0 && this.#random.next() < this.staleChance) {
            const earlier = this.#earlier.get(key);
            if (earlier !== undefined) return settle(() => resolve(earlier as T));
          }
          process.scheduler.entered();
          void run().then(
            (answer) => {
              if (key !== undefined) this.#earlier.set(key, answer);
              settle(() => resolve(answer));
            },
            (thrown: Error) => settle(() => reject(thrown)),
          );
        }),
      );
    });
  }
}

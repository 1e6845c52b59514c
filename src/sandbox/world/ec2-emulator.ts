/** EC2 of the world's regions at one address, driving the world's machines. */
import { type Ec2Endpoint, startEc2Endpoint } from "../ec2/endpoint.ts";
import { EC2_PORT } from "../network/topology.ts";
import type { Policy } from "../policy.ts";
import type { Emulator, Ground } from "./emulator.ts";
import { AWS_KEY } from "./site.ts";

export class Ec2Emulator implements Emulator {
  readonly #ground: Ground;
  #endpoint: Ec2Endpoint | undefined;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  get endpoint(): Ec2Endpoint | undefined {
    return this.#endpoint;
  }

  async start(): Promise<void> {
    const { topology, regions, ec2World, latencyMs, clock, random } = this.#ground;
    this.#endpoint = await startEc2Endpoint(
      { host: topology.control.address, port: EC2_PORT, accessKeys: [AWS_KEY], latencyMs },
      { regions, clock, random },
    );
    const machineOf = (instanceId: string) => this.#ground.machine(ec2World.vmOf(instanceId) ?? instanceId);
    for (const region of regions) {
      region.setHypervisor({
        start: (instanceId) => machineOf(instanceId).boot(),
        stop: (instanceId, { force, skipOsShutdown }) =>
          force || skipOsShutdown ? machineOf(instanceId).powerOff() : machineOf(instanceId).shutDown(),
      });
    }
  }

  controllerFlags(): readonly string[] {
    return ["--aws-endpoint", `http://${this.#ground.topology.control.address}:${EC2_PORT}`];
  }

  controllerEnvironment(): Readonly<Record<string, string>> {
    const { accessKeyId, secretAccessKey } = AWS_KEY;
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: this.#ground.topology.region,
    };
  }

  restrict(policy: Policy): void {
    this.#endpoint?.setAccessKeys([{ ...AWS_KEY, policy }]);
  }

  refused(): readonly string[] {
    return this.#endpoint?.refused ?? [];
  }

  async close(): Promise<void> {
    await this.#endpoint?.close();
  }
}

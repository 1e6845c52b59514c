/** Instance metadata of the world's machines, at the address at which every machine of both clouds asks. */
import { AwsMetadata } from "../metadata/aws-metadata.ts";
import { AzureMetadata } from "../metadata/azure-metadata.ts";
import { type MetadataServer, startMetadataServer } from "../metadata/metadata-server.ts";
import { METADATA_ADDRESS } from "../network/forwarding.ts";
import { azureVmId } from "./azure-emulator.ts";
import type { Emulator, Ground } from "./emulator.ts";

const HTTP_PORT = 80;

export class MetadataEmulator implements Emulator {
  /** Asked in AWS's world. */
  readonly aws: AwsMetadata;
  /** Asked in Azure's. */
  readonly azure: AzureMetadata;
  readonly #ground: Ground;
  #server: MetadataServer | undefined;

  constructor(ground: Ground) {
    const { topology, regions, ec2World, clock, random } = ground;
    this.#ground = ground;
    this.aws = new AwsMetadata({ regions, instanceOf: (vm) => ec2World.instanceOf(vm), clock, random });
    this.azure = new AzureMetadata({ vms: topology.vms, resourceId: azureVmId });
  }

  /** Without namespaces machines have no such address: their agents are told that there is none. */
  async start(): Promise<void> {
    const { topology, mode } = this.#ground;
    if (mode === "loopback") return;
    await this.#ground.publish(METADATA_ADDRESS);
    this.#server = await startMetadataServer(
      { host: METADATA_ADDRESS, port: HTTP_PORT },
      {
        service: topology.cloud === "aws" ? this.aws : this.azure,
        vmAt: (address) => topology.vms.find((vm) => vm.address === address)?.name,
      },
    );
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

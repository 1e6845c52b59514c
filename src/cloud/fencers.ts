/**
 * Fencers by machine and identity: which cloud a machine is in decides who stops it. A cloud's SDK is loaded when the
 * first of its machines is asked about, never by an installation without one.
 */
import type { Ec2PowerAccess } from "./aws/ec2-access.ts";
import type { AwsCredentials } from "./aws/ec2-client.ts";
import { AwsFencer } from "./aws/fencer.ts";
import { CloudError } from "./errors.ts";
import type { AzureVm, Fencer, FencerAccess, SecretKeys, VmRef } from "./fencing-ports.ts";

/** Fencers of Azure, one per subscription and identity. */
export interface AzureFencerAccess {
  fencerOf(vm: AzureVm, keys: SecretKeys | undefined): Promise<Fencer>;
}

export class CloudFencers implements FencerAccess {
  readonly #ec2: Ec2PowerAccess;
  readonly #azure: AzureFencerAccess;

  constructor(ec2: Ec2PowerAccess, azure: AzureFencerAccess) {
    this.#ec2 = ec2;
    this.#azure = azure;
  }

  async fencerFor(vm: VmRef, keys: SecretKeys | undefined): Promise<Fencer> {
    if (vm.provider === "azure") return await this.#azure.fencerOf(vm, keys);
    return new AwsFencer(await this.#ec2.powerOf(vm.region, keys === undefined ? undefined : awsKeys(keys)));
  }
}

function awsKeys({ accessKeyId = "", secretAccessKey = "" }: SecretKeys): AwsCredentials {
  if (accessKeyId !== "" && secretAccessKey !== "") return { accessKeyId, secretAccessKey };
  const absent = accessKeyId === "" ? "accessKeyId" : "secretAccessKey";
  throw new CloudError(
    { code: "CredentialsMissing", action: "connect" },
    `the Secret of the credentials has no ${absent}`,
  );
}

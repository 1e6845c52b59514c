/** The controllers' own identity in the virtual Azure: the managed identity of the machines that they run on. */
import type { ArmIdentity } from "../arm/provider.ts";
import { type ManagedIdentityService, startManagedIdentityService } from "../arm/managed-identity.ts";
import type { AzureEmulator } from "../world/azure-emulator.ts";
import type { Emulator, Ground } from "../world/emulator.ts";

export const AZURE_IDENTITY: ArmIdentity = {
  tenantId: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
  clientId: "99999999-8888-4777-8666-555555555555",
};

const PORT = 8_444;

export class AmbientIdentity implements Emulator {
  readonly #identity: ArmIdentity;
  readonly #azure: AzureEmulator;
  readonly #ground: Ground;
  #service: ManagedIdentityService | undefined;

  /** `azure` starts before it, and knows the identity. */
  constructor(identity: ArmIdentity, azure: AzureEmulator, ground: Ground) {
    this.#identity = identity;
    this.#azure = azure;
    this.#ground = ground;
  }

  async start(): Promise<void> {
    const host = this.#ground.topology.control.address;
    this.#service = await startManagedIdentityService(
      { identity: this.#identity, host, port: PORT },
      { tokens: this.#azure.endpoint.tokens },
    );
  }

  /** Where the identity library asks instead of 169.254.169.254, which the control namespace does not have. */
  controllerEnvironment(): Readonly<Record<string, string>> {
    return this.#service === undefined ? {} : { AZURE_POD_IDENTITY_AUTHORITY_HOST: this.#service.url };
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}

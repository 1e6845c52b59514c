/**
 * The identity with which machines are stopped: the keys of a Secret in the group's namespace, or the controller's own
 * where that is allowed. Secrets are kept for a short while and never put into messages.
 */
import { CloudError } from "../../cloud/errors.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import { ReadCache } from "../../cloud/read-cache.ts";
import type { KubeApi, KubeObject, ResourceType } from "../../kube/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { FenceIdentity } from "./fencing-view.ts";

const SECRET: ResourceType = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };

/** A changed Secret acts after so long at the latest, in milliseconds. */
const SECRET_MAX_AGE_MS = 10_000;

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export class FencingCredentials {
  readonly #ambientNamespaces: readonly string[];
  readonly #modules: { readonly kube: KubeApi; readonly clock: Clock };
  readonly #secrets: ReadCache<Secret | undefined>;

  constructor(ambientNamespaces: readonly string[], modules: { readonly kube: KubeApi; readonly clock: Clock }) {
    this.#ambientNamespaces = ambientNamespaces;
    this.#modules = modules;
    this.#secrets = new ReadCache(modules.clock);
  }

  /** Undefined: ambient. Rejects with `CredentialsMissing`, or as the read of the Secret does. */
  async keysOf({ namespace, secret: name }: FenceIdentity): Promise<SecretKeys | undefined> {
    if (name === undefined) {
      if (this.#ambientNamespaces.includes("*") || this.#ambientNamespaces.includes(namespace)) return undefined;
      throw missing(
        `namespace ${namespace} may not use the controller's own identity; set spec.fencing.credentials, or ask for the namespace to be added to ambientCredentials.namespaces`,
      );
    }
    const sinceMs = this.#modules.clock.monotonicMs() - SECRET_MAX_AGE_MS;
    const { value: secret } = await this.#secrets.read(`${namespace}/${name}`, sinceMs, () =>
      this.#modules.kube.get<Secret>(SECRET, { namespace, name }),
    );
    if (secret === undefined) throw missing(`Secret ${namespace}/${name} of spec.fencing.credentials does not exist`);
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, "base64").toString("utf8").trim(),
      ]),
    );
  }
}

function missing(message: string): CloudError {
  return new CloudError({ code: "CredentialsMissing", action: "connect" }, message);
}

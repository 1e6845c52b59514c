/**
 * The identity for one object's cloud calls: the keys of its Secret, or the controller's own. Secrets are read from the
 * object's namespace only, kept for a short while, and never put into messages.
 */
import type { AwsVirtualIP } from "../../api/generated/types.ts";
import type { AwsCredentials } from "../../cloud/aws/ec2-client.ts";
import { ReadCache } from "../../cloud/read-cache.ts";
import type { KubeObject, ResourceType } from "../../kube/ports.ts";
import { messageOf } from "../../lib/errors.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";
import type { CredentialsSeen } from "./seen.ts";

const SECRET: ResourceType = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };

/** A changed Secret acts after so long at the latest, in ms. */
const SECRET_MAX_AGE_MS = 10_000;

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export type Identity =
  /** `credentials` undefined: ambient. */
  { readonly ok: true; readonly credentials: AwsCredentials | undefined } | Extract<CredentialsSeen, { ok: false }>;

export class CredentialSource {
  readonly #deps: Pick<AwsVirtualIPDeps, "kube" | "clock" | "settings">;
  readonly #secrets: ReadCache<Secret | undefined>;

  constructor(deps: Pick<AwsVirtualIPDeps, "kube" | "clock" | "settings">) {
    this.#deps = deps;
    this.#secrets = new ReadCache(deps.clock);
  }

  /** `anyAge`: what is known will do, however old. */
  async identityOf(vip: AwsVirtualIP, anyAge: boolean): Promise<Identity> {
    const namespace = vip.metadata.namespace ?? "";
    const { credentials } = vip.spec;
    if (credentials === undefined) return this.#ambient(namespace);
    const { name } = credentials.secretRef;
    try {
      const secret = await this.#secret(namespace, name, anyAge);
      return keysOf(secret, `${namespace}/${name}`);
    } catch (thrown) {
      return {
        ok: false,
        reason: "Unreadable",
        message: `Secret ${namespace}/${name} could not be read: ${messageOf(thrown)}`,
      };
    }
  }

  #ambient(namespace: string): Identity {
    const { ambientNamespaces } = this.#deps.settings;
    if (ambientNamespaces.includes("*") || ambientNamespaces.includes(namespace))
      return { ok: true, credentials: undefined };
    return {
      ok: false,
      reason: "AmbientNotAllowed",
      message: `namespace ${namespace} may not use the controller's own identity; set spec.credentials, or ask for the namespace to be added to ambientCredentials.namespaces`,
    };
  }

  async #secret(namespace: string, name: string, anyAge: boolean): Promise<Secret | undefined> {
    const key = `${namespace}/${name}`;
    const known = anyAge ? this.#secrets.lastGood(key) : undefined;
    if (known !== undefined) return known.value;
    const sinceMs = this.#deps.clock.monotonicMs() - SECRET_MAX_AGE_MS;
    const read = await this.#secrets.read(key, sinceMs, () => this.#deps.kube.get<Secret>(SECRET, { namespace, name }));
    return read.value;
  }
}

function keysOf(secret: Secret | undefined, name: string): Identity {
  if (secret === undefined) {
    return { ok: false, reason: "CredentialsMissing", message: `Secret ${name} of spec.credentials does not exist` };
  }
  const text = (key: string): string =>
    Buffer.from(secret.data?.[key] ?? "", "base64")
      .toString("utf8")
      .trim();
  const [accessKeyId, secretAccessKey] = [text("accessKeyId"), text("secretAccessKey")];
  const missing = [accessKeyId === "" ? "accessKeyId" : "", secretAccessKey === "" ? "secretAccessKey" : ""].filter(
    (key) => key !== "",
  );
  if (missing.length > 0) {
    return {
      ok: false,
      reason: "CredentialsMissing",
      message: `Secret ${name} of spec.credentials has no ${missing.join(" and no ")}`,
    };
  }
  return { ok: true, credentials: { accessKeyId, secretAccessKey } };
}

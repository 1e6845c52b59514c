/**
 * The identity for one object's cloud calls: the keys of its Secret, or the controller's own. Secrets are read from the
 * object's namespace only, kept for a short while, and never put into messages.
 */
import type { Credentials } from "../../api/generated/types.ts";
import { ReadCache } from "../../cloud/read-cache.ts";
import type { KubeObject, ResourceType } from "../../kube/ports.ts";
import { messageOf } from "../../lib/errors.ts";
import type { PointerDeps } from "./deps.ts";
import type { PointerKind } from "./kind.ts";
import type { Identity, PointerObject } from "./seen.ts";

const SECRET: ResourceType = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };

/** A changed Secret acts after so long at the latest, in ms. */
const SECRET_MAX_AGE_MS = 10_000;

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** An object that may name credentials. */
export interface CredentialHolder extends KubeObject {
  readonly spec: { readonly credentials?: Credentials | undefined };
}

type KeysOf<Keys> = PointerKind<PointerObject, unknown, unknown, Keys>["keysOf"];

export class CredentialSource<Keys> {
  readonly #keysOf: KeysOf<Keys>;
  readonly #deps: Pick<PointerDeps<PointerObject>, "kube" | "clock" | "settings">;
  readonly #secrets: ReadCache<Secret | undefined>;

  constructor(keysOf: KeysOf<Keys>, deps: Pick<PointerDeps<PointerObject>, "kube" | "clock" | "settings">) {
    this.#keysOf = keysOf;
    this.#deps = deps;
    this.#secrets = new ReadCache(deps.clock);
  }

  /** `anyAge`: what is known will do, however old. */
  async identityOf(object: CredentialHolder, anyAge: boolean): Promise<Identity<Keys>> {
    const namespace = object.metadata.namespace ?? "";
    const { credentials } = object.spec;
    if (credentials === undefined) return this.#ambient(namespace);
    const { name } = credentials.secretRef;
    try {
      const secret = await this.#secret(namespace, name, anyAge);
      return this.#keysIn(secret, `${namespace}/${name}`);
    } catch (thrown) {
      return {
        ok: false,
        reason: "Unreadable",
        message: `Secret ${namespace}/${name} could not be read: ${messageOf(thrown)}`,
      };
    }
  }

  #ambient(namespace: string): Identity<Keys> {
    const { ambientNamespaces } = this.#deps.settings;
    if (ambientNamespaces.includes("*") || ambientNamespaces.includes(namespace)) return { ok: true, keys: undefined };
    return {
      ok: false,
      reason: "AmbientNotAllowed",
      message: `namespace ${namespace} may not use the controller's own identity; set spec.credentials, or ask for the namespace to be added to ambientCredentials.namespaces`,
    };
  }

  async #secret(namespace: string, name: string, anyAge: boolean): Promise<Secret | undefined> {
    const sentSinceMs = this.#deps.clock.monotonicMs() - SECRET_MAX_AGE_MS;
    const read = await this.#secrets.ask(`${namespace}/${name}`, { sentSinceMs, timeoutMs: 0, anyAge }, () =>
      this.#deps.kube.get<Secret>(SECRET, { namespace, name }),
    );
    return read.value;
  }

  #keysIn(secret: Secret | undefined, name: string): Identity<Keys> {
    if (secret === undefined) {
      return { ok: false, reason: "CredentialsMissing", message: `Secret ${name} of spec.credentials does not exist` };
    }
    const keys = this.#keysOf((key) => {
      const text = Buffer.from(secret.data?.[key] ?? "", "base64")
        .toString("utf8")
        .trim();
      return text === "" ? undefined : text;
    });
    if (!Array.isArray(keys)) return { ok: true, keys: keys as Keys };
    return {
      ok: false,
      reason: "CredentialsMissing",
      message: `Secret ${name} of spec.credentials has no ${keys.join(" and no ")}`,
    };
  }
}

/**
 * Who calls Azure, and where: the credential that a Secret's keys or the ambient identity give, and the options that every
 * SDK client needs for other endpoints than Azure's own.
 */
import { createPrivateKey } from "node:crypto";
import { CloudError } from "../errors.ts";
import type { SecretKeys } from "../fencing-ports.ts";
import { certificateEndsAtMs } from "./certificate.ts";

export type IdentitySdk = typeof import("./identity-sdk.ts");

export interface AzureEndpoints {
  /** Resource Manager; omitted: Azure's own. */
  readonly resourceManager?: string;
  /** Where tokens come from; omitted: Microsoft Entra ID. */
  readonly authority?: string;
  /** PEM of an authority that signed the endpoints' certificates, for emulators and proxies. */
  readonly certificateAuthority?: string;
}

/** What the SDK's clients need: something that gives tokens. */
export type Credential = Pick<InstanceType<IdentitySdk["ClientSecretCredential"]>, "getToken">;

/** `keys` undefined: the ambient identity. Throws `CredentialsMissing` when the Secret lacks one. Sends nothing. */
export function azureCredential(sdk: IdentitySdk, keys: SecretKeys | undefined, endpoints: AzureEndpoints): Credential {
  const options = { ...authorityOptions(endpoints), ...transportOptions(endpoints) };
  if (keys === undefined) return ambientCredential(sdk, options);
  const { tenantId = "", clientId = "", clientCertificate = "", clientSecret = "" } = keys;
  if (tenantId === "" || clientId === "" || (clientCertificate === "" && clientSecret === "")) {
    const needed = "tenantId, clientId and clientCertificate or clientSecret";
    const detail = { code: "CredentialsMissing", action: "connect" } as const;
    throw new CloudError(detail, `the Secret of the credentials lacks a key; it needs ${needed}`);
  }
  if (clientCertificate !== "") {
    assertUsable(clientCertificate);
    return new sdk.ClientCertificateCredential(tenantId, clientId, { certificate: clientCertificate }, options);
  }
  return new sdk.ClientSecretCredential(tenantId, clientId, clientSecret, options);
}

/** The library would say so only with the first token, and in a way that reads like an outage. */
function assertUsable(pem: string): void {
  const refused = (what: string, cause?: unknown): CloudError => {
    const detail = { code: "CredentialsRejected", action: "connect" } as const;
    return new CloudError(detail, `clientCertificate of the credentials ${what}; it must be a PEM with both`, cause);
  };
  if (certificateEndsAtMs(pem) === undefined) throw refused("holds no certificate that can be read");
  try {
    createPrivateKey(pem);
  } catch (thrown) {
    throw refused("holds no private key that can be read", thrown);
  }
}

/** Workload identity where the pod has one, else the managed identity of the machine; no command line tool is ever run. */
function ambientCredential(sdk: IdentitySdk, options: object): Credential {
  const managed = new sdk.ManagedIdentityCredential(options);
  if (process.env["AZURE_FEDERATED_TOKEN_FILE"] === undefined) return managed;
  return new sdk.ChainedTokenCredential(new sdk.WorkloadIdentityCredential(options), managed);
}

function authorityOptions({ authority }: AzureEndpoints): object {
  return authority === undefined ? {} : { authorityHost: authority, disableInstanceDiscovery: true };
}

/** No retries by the SDK: whoever calls looks anew before. */
function transportOptions({ certificateAuthority }: AzureEndpoints): object {
  const tls = certificateAuthority === undefined ? {} : { tlsOptions: { ca: certificateAuthority } };
  return { retryOptions: { maxRetries: 0 }, ...tls };
}

/**
 * Options of a management client. With an endpoint of its own the token's audience is that endpoint, in every client alike
 * (their defaults differ).
 */
export function clientOptions(endpoints: AzureEndpoints) {
  const { resourceManager } = endpoints;
  if (resourceManager === undefined) return transportOptions(endpoints);
  const scopes = [`${resourceManager.replace(/\/$/, "")}/.default`];
  return {
    ...transportOptions(endpoints),
    endpoint: resourceManager,
    credentials: { scopes },
    credentialScopes: scopes,
  };
}

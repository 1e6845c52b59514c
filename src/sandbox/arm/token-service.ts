/**
 * Where the emulated Azure's tokens come from: Microsoft Entra ID's client credentials grant (RFC 6749, 4.4) with a secret, a
 * certificate's assertion (RFC 7523; "Microsoft identity platform application authentication certificate credentials") or a
 * federated token ("Workload identity federation"), and tokens for managed identities, which the metadata service hands on.
 *
 * The invariant: a token stands for one identity, and nobody gets one without proof, an expired certificate least of all.
 */
import { constants, createHash, verify, X509Certificate } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { ArmAnswer, ArmIdentity } from "./provider.ts";

const OPEN_ID = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/i;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/i;
const TOKEN_SECONDS = 3_600;
/** Most tokens that are remembered; the oldest is forgotten first. */
const MAX_TOKENS = 1_000;

interface Token {
  readonly identity: ArmIdentity;
  readonly endsAtMs: number;
}

interface Refusal {
  readonly code: number;
  readonly text: string;
}

export class TokenService {
  readonly #identities: readonly ArmIdentity[];
  readonly #modules: { readonly clock: Clock; readonly random: Random };
  readonly #tokens = new Map<string, Token>();

  constructor(identities: readonly ArmIdentity[], modules: { readonly clock: Clock; readonly random: Random }) {
    this.#identities = identities;
    this.#modules = modules;
  }

  isTokenPath(method: string, path: string): boolean {
    return OPEN_ID.test(path) || (method === "POST" && TOKEN.test(path));
  }

  answer(path: string, body: string, endpointUrl: string): ArmAnswer {
    const [, openIdTenant] = OPEN_ID.exec(path) ?? [];
    if (openIdTenant !== undefined) return openIdOf(`${endpointUrl}/${openIdTenant}`);
    const [, tenant = ""] = TOKEN.exec(path) ?? [];
    return this.#token(tenant, new URLSearchParams(body));
  }

  /** Undefined: no such token, or it has ended. */
  identityOf(authorization: string | undefined): ArmIdentity | undefined {
    const token = this.#tokens.get(authorization?.replace(/^Bearer /, "") ?? "");
    return token === undefined || token.endsAtMs <= this.#modules.clock.monotonicMs() ? undefined : token.identity;
  }

  /** The answer of a machine's metadata service to one of its managed identities. */
  managedToken(identity: ArmIdentity): { readonly access_token: string; readonly expires_in: number } {
    return { access_token: this.#issue(identity), expires_in: TOKEN_SECONDS };
  }

  /** Every token is worth nothing from now on. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  #token(tenant: string, form: URLSearchParams): ArmAnswer {
    const clientId = form.get("client_id");
    const client = this.#identities.find((one) => one.tenantId === tenant && one.clientId === clientId);
    const refusal =
      client === undefined
        ? { code: 700016, text: `Application with identifier '${clientId ?? ""}' was not found in the directory.` }
        : this.#refusal(client, form);
    if (client === undefined || refusal !== undefined) return refusalAnswer(refusal ?? { code: 0, text: "" });
    const access_token = this.#issue(client);
    return {
      status: 200,
      body: { token_type: "Bearer", expires_in: TOKEN_SECONDS, ext_expires_in: TOKEN_SECONDS, access_token },
    };
  }

  #issue(identity: ArmIdentity): string {
    const { clock, random } = this.#modules;
    const token = random.uuid();
    this.#tokens.set(token, { identity, endsAtMs: clock.monotonicMs() + TOKEN_SECONDS * 1_000 });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    return token;
  }

  #refusal(client: ArmIdentity, form: URLSearchParams): Refusal | undefined {
    const { clientSecret, certificate, federatedToken } = client;
    const secret = form.get("client_secret");
    const assertion = form.get("client_assertion");
    if (secret !== null)
      return secret === clientSecret ? undefined : { code: 7000215, text: "Invalid client secret provided." };
    if (assertion === null)
      return { code: 7000218, text: "The request body must contain 'client_assertion' or 'client_secret'." };
    if (certificate === undefined && federatedToken === undefined)
      return clientSecret === undefined ? undefined : { code: 700027, text: "No certificate is registered." };
    if (assertion === federatedToken) return undefined;
    return certificate === undefined
      ? { code: 700213, text: "No matching federated identity record found for presented assertion." }
      : this.#assertionRefusal(assertion, certificate);
  }

  #assertionRefusal(assertion: string, pem: string): Refusal | undefined {
    const certificate = new X509Certificate(pem);
    if (certificate.validToDate.getTime() <= this.#modules.clock.wallMs())
      return { code: 700027, text: "The certificate used to sign the client assertion is expired." };
    const invalid = { code: 700027, text: "Client assertion failed signature validation." };
    return isSignedBy(certificate, assertion) ? undefined : invalid;
  }
}

function isSignedBy(certificate: X509Certificate, assertion: string): boolean {
  const [header = "", payload = "", signature = ""] = assertion.split(".");
  const { alg, ...rest } = headerOf(header);
  const thumbprint = createHash("sha256").update(certificate.raw).digest("base64url");
  const isOther = rest["x5t#S256"] !== undefined && rest["x5t#S256"] !== thumbprint;
  if (isOther || (alg !== "PS256" && alg !== "RS256")) return false;
  const key = certificate.publicKey;
  const padding = alg === "PS256" ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return verify("sha256", Buffer.from(`${header}.${payload}`), { key, padding }, Buffer.from(signature, "base64url"));
}

function headerOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
  } catch {
    // Not a JSON web token: nobody has signed it.
    return {};
  }
}

function refusalAnswer({ code, text }: Refusal): ArmAnswer {
  const body = { error: "invalid_client", error_description: `AADSTS${code}: ${text}`, error_codes: [code] };
  return { status: 401, body };
}

function openIdOf(base: string): ArmAnswer {
  const body = {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
    response_types_supported: ["code"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
  return { status: 200, body };
}

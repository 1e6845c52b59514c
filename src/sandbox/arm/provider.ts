/**
 * A resource provider of the emulated Azure Resource Manager: from method and path to a call, from a call to an answer.
 * The endpoint does what all providers have in common (token, permission, faults, latency); a provider knows its own
 * resources and nothing of HTTP servers. Paths do not distinguish case.
 *
 * Must never do: change anything before `run`, which is where permission and faults have been settled.
 */

export interface ArmIdentity {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  /** PEM of the certificate whose key must have signed the client's assertion. */
  readonly certificate?: string;
  /** What the file of a workload identity must contain. With none of the three any assertion is taken as good. */
  readonly federatedToken?: string;
  /** Actions of its role, `*` for any part (Azure built-in roles, "Actions format"); omitted: all. */
  readonly allowedActions?: readonly string[];
  /** Where the role is assigned, e.g. `/subscriptions/S/resourceGroups/G`; omitted: everywhere. */
  readonly scopes?: readonly string[];
}

/** A custom role, as far as it is held to here (Azure RBAC, "Understand Azure role definitions"). */
export interface ArmRole {
  readonly Actions: readonly string[];
  /** Here also where it is assigned. */
  readonly AssignableScopes: readonly string[];
}

export interface ArmRequest {
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Empty: none. */
  readonly body: string;
  readonly identity: ArmIdentity;
  /** Where the endpoint is reached, for locations in answers. */
  readonly endpointUrl: string;
}

export interface ArmAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ArmCall {
  /** Under which faults and counts know it, e.g. `PowerOff`. */
  readonly name: string;
  /** Action that the identity needs, e.g. `Microsoft.Compute/virtualMachines/powerOff/action`; undefined: none. */
  readonly permission?: string;
  /** Throws `ArmError` for every answer that is an error. */
  run(request: ArmRequest): ArmAnswer;
}

export interface ArmProvider {
  /** Undefined: no call of this provider. */
  callOf(method: string, path: string): ArmCall | undefined;
}

/** An error as Azure Resource Manager answers it. */
export class ArmError extends Error {
  override readonly name = "ArmError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function errorAnswer({ status, code, message }: ArmError): ArmAnswer {
  return { status, body: { error: { code, message } } };
}

export function headerOf({ headers }: ArmRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" || value === undefined ? value : value.join(",");
}

/** The body as JSON; `InvalidRequestContent` when it is none. */
export function jsonBody({ body }: ArmRequest): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.");
  }
}

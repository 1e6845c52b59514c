/** What can go wrong when a cloud is asked. Adapters map SDK errors to these; the codes are reasons of the API (API.md 1). */
import { CodedError } from "../lib/errors.ts";

export type CloudErrorCode =
  | "CredentialsMissing"
  | "CredentialsRejected"
  | "NotAuthorized"
  | "NotFound"
  | "InvalidRequest"
  | "Throttled"
  | "CallTimeout"
  | "EndpointUnreachable"
  | "CallFailed";

export interface CloudErrorDetail {
  readonly code: CloudErrorCode;
  /** The API action, e.g. `ReplaceRoute`. */
  readonly action: string;
  /** The provider's own code, e.g. `InvalidRouteTableID.NotFound`. */
  readonly providerCode?: string;
  readonly requestId?: string;
}

export class CloudError extends CodedError<CloudErrorDetail> {
  override readonly name = "CloudError";
}

/** Which codes prove something about the request; the others leave the truth unknown (DESIGN 6, Truth). */
const IS_ANSWER: Readonly<Record<CloudErrorCode, boolean>> = {
  CredentialsMissing: true,
  CredentialsRejected: true,
  NotAuthorized: true,
  NotFound: true,
  InvalidRequest: true,
  Throttled: false,
  CallTimeout: false,
  EndpointUnreachable: false,
  CallFailed: false,
};

export function isAnswer(code: CloudErrorCode): boolean {
  return IS_ANSWER[code];
}

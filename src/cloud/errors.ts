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

/** These prove something about the request; the others leave the truth unknown (DESIGN 6, Truth). */
export function isAnswer(code: CloudErrorCode): boolean {
  switch (code) {
    case "CredentialsMissing":
    case "CredentialsRejected":
    case "NotAuthorized":
    case "NotFound":
    case "InvalidRequest":
      return true;
    case "Throttled":
    case "CallTimeout":
    case "EndpointUnreachable":
    case "CallFailed":
      return false;
  }
}

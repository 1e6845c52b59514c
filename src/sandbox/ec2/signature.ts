/** Who signed a request, with the errors that EC2 answers otherwise (EC2 API reference, "Error codes"). */
import { signerOf, type AccessKey, type SignedBy, type SignedRequest } from "../sigv4.ts";
import { Ec2Error } from "./ports.ts";

export type { AccessKey };

/** AuthFailure (401) when the key is unknown or the signature is not the key's. */
export function verifySignature(request: SignedRequest, keys: readonly AccessKey[]): SignedBy {
  const signer = signerOf(request, keys, "ec2");
  switch (signer) {
    case "Missing":
      throw new Ec2Error("MissingAuthenticationToken", "The request must contain a valid AWS access key ID", 403);
    case "Malformed":
      throw new Ec2Error("AuthFailure", "Authorization header or parameters are not formatted correctly.", 401);
    case "UnknownKey":
    case "Wrong":
      throw new Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
  }
  return signer;
}

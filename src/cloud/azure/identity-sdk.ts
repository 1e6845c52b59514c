/** The part of the Azure identity library that is used, as a module of its own: imported with the first call to Azure. */
export {
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";

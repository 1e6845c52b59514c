/** The part of the Azure SDK that is used, as a module of its own: imported when the first machine of Azure is asked about. */
export { ComputeManagementClient } from "@azure/arm-compute";
export { createComputeManagement } from "@azure/arm-compute/api";
export {
  ChainedTokenCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";

/** The part of the Azure SDK for machines that is used, as a module of its own: imported when the first one is asked about. */
export { ComputeManagementClient } from "@azure/arm-compute";
export { createComputeManagement } from "@azure/arm-compute/api";

/** The part of the Azure SDK for DNS that is used, as a module of its own: imported with the first record. */
export { DnsManagementClient } from "@azure/arm-dns";
export { PrivateDnsManagementClient } from "@azure/arm-privatedns";
export { createPrivateDnsManagement } from "@azure/arm-privatedns/api";

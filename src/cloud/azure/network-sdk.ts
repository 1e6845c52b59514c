/**
 * The part of the Azure SDK for networks that is used, as a module of its own: imported with the first load balancer.
 * Only the context (32 MB of RSS become 38, the whole client would make them 58): three reads by path need no more.
 */
export { createNetworkManagement } from "@azure/arm-network/api";

/** `examples/azure-public-lb`: the client is on the internet, port 80 of the public frontend leads to 8080 of the active member. */
import { loadBalancerScenario } from "./azure-load-balancer.ts";

export const AZURE_PUBLIC_LB_SCENARIO = loadBalancerScenario({ example: "azure-public-lb", frontend: "public" });

/** Every scenario by its name. */
import type { ScenarioName } from "../options.ts";
import { AWS_DNS_DIRECT_CONNECT_SCENARIO } from "./aws-dns-direct-connect.ts";
import { AWS_DNS_SCENARIO } from "./aws-dns.ts";
import { AWS_ELASTIC_IP_SCENARIO } from "./aws-elastic-ip.ts";
import { AWS_MULTI_REGION_SCENARIO } from "./aws-multi-region.ts";
import { AWS_VIRTUAL_IP_SCENARIO } from "./aws-virtual-ip.ts";
import { AZURE_DNS_SCENARIO } from "./azure-dns.ts";
import { AZURE_PLANNED_EVENTS_SCENARIO } from "./azure-events.ts";
import { AZURE_INTERNAL_LB_DSR_SCENARIO } from "./azure-internal-lb-dsr.ts";
import { AZURE_INTERNAL_LB_SCENARIO } from "./azure-internal-lb.ts";
import { AZURE_PUBLIC_LB_SCENARIO } from "./azure-public-lb.ts";
import { FENCING_SCENARIO } from "./fencing.ts";
import { ISOLATION_SCENARIO } from "./isolation.ts";
import { PLANNED_EVENTS_SCENARIO } from "./planned-events.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIO_CATALOGUE: Readonly<Record<ScenarioName, Scenario>> = {
  "aws-virtual-ip": AWS_VIRTUAL_IP_SCENARIO,
  "aws-dns": AWS_DNS_SCENARIO,
  "aws-dns-direct-connect": AWS_DNS_DIRECT_CONNECT_SCENARIO,
  "aws-elastic-ip": AWS_ELASTIC_IP_SCENARIO,
  "azure-dns": AZURE_DNS_SCENARIO,
  "azure-public-lb": AZURE_PUBLIC_LB_SCENARIO,
  "azure-internal-lb": AZURE_INTERNAL_LB_SCENARIO,
  "azure-internal-lb-dsr": AZURE_INTERNAL_LB_DSR_SCENARIO,
  "aws-multi-region": AWS_MULTI_REGION_SCENARIO,
  fencing: FENCING_SCENARIO,
  isolation: ISOLATION_SCENARIO,
  "azure-planned-events": AZURE_PLANNED_EVENTS_SCENARIO,
  "planned-events": PLANNED_EVENTS_SCENARIO,
};

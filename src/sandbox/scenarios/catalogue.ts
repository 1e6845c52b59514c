/** Every scenario by its name. */
import type { ScenarioName } from "../options.ts";
import { AWS_ELASTIC_IP_SCENARIO } from "./aws-elastic-ip.ts";
import { AWS_VIRTUAL_IP_SCENARIO } from "./aws-virtual-ip.ts";
import { FENCING_SCENARIO } from "./fencing.ts";
import { ISOLATION_SCENARIO } from "./isolation.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIO_CATALOGUE: Readonly<Record<ScenarioName, Scenario>> = {
  "aws-virtual-ip": AWS_VIRTUAL_IP_SCENARIO,
  "aws-elastic-ip": AWS_ELASTIC_IP_SCENARIO,
  fencing: FENCING_SCENARIO,
  isolation: ISOLATION_SCENARIO,
};

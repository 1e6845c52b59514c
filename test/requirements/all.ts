/** Every row, in the order of the list of requirements. */
import { BEHAVIOURS, PROCEDURES } from "./behaviours.ts";
import { ERRORS } from "./errors.ts";
import { DEPLOYMENTS, PARAMETERS } from "./parameters.ts";
import type { Requirement } from "./row.ts";

export const REQUIREMENTS: readonly Requirement[] = [
  ...DEPLOYMENTS,
  ...PARAMETERS,
  ...ERRORS,
  ...BEHAVIOURS,
  ...PROCEDURES,
];

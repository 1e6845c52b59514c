/** Printer columns that several kinds share. */
import type { PrinterColumn } from "./kind-definition.ts";

export function conditionColumn(name: string, type: string, description: string): PrinterColumn {
  return { name, type: "string", jsonPath: `.status.conditions[?(@.type=="${type}")].status`, description };
}

export const GROUP_COLUMN: PrinterColumn = {
  name: "Group",
  type: "string",
  jsonPath: ".status.group.name",
  description: "Group that holds the object",
};
export const ACTIVE_COLUMN: PrinterColumn = {
  name: "Active",
  type: "string",
  jsonPath: ".status.active.node",
  description: "Member it was last applied to",
};
export const READY_COLUMN: PrinterColumn = conditionColumn("Ready", "Ready", "Is as wanted");
export const AGE_COLUMN: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Age",
};

/** GROUP, ACTIVE, READY, PREFLIGHT. */
export const RESOURCE_COLUMNS: readonly PrinterColumn[] = [
  GROUP_COLUMN,
  ACTIVE_COLUMN,
  READY_COLUMN,
  conditionColumn("Preflight", "PreflightOK", "Would an activation succeed"),
];

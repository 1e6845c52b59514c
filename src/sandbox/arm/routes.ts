/** Which resource and action a request of Azure Resource Manager names, and its answers as data. Paths do not distinguish case. */
import type { ArmMachine } from "./virtual-machines.ts";

export type ArmRoute =
  | { readonly type: "openIdConfiguration"; readonly tenant: string }
  | { readonly type: "token"; readonly tenant: string }
  | { readonly type: "operation"; readonly subscription: string; readonly id: string }
  | {
      readonly type: "machine";
      readonly subscription: string;
      readonly machine: Pick<ArmMachine, "resourceGroup" | "name" | "scaleSet">;
      readonly action: MachineAction;
    };

export type MachineAction = "InstanceView" | "PowerOff" | "Start" | "Permissions";

const MACHINE =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/microsoft\.compute\/(?:virtualmachinescalesets\/([^/]+)\/)?virtualmachines\/([^/]+)\/(instanceview|poweroff|start|providers\/microsoft\.authorization\/permissions)$/i;
const OPERATION = /^\/subscriptions\/([^/]+)\/providers\/microsoft\.compute\/locations\/[^/]+\/operations\/([^/]+)$/i;
const OPEN_ID = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/i;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/i;

const ACTIONS: Readonly<Record<string, { readonly action: MachineAction; readonly method: string }>> = {
  instanceview: { action: "InstanceView", method: "GET" },
  poweroff: { action: "PowerOff", method: "POST" },
  start: { action: "Start", method: "POST" },
  "providers/microsoft.authorization/permissions": { action: "Permissions", method: "GET" },
};

/** Undefined: nothing that is emulated. */
export function routeOf(method: string, path: string): ArmRoute | undefined {
  const [, openIdTenant] = OPEN_ID.exec(path) ?? [];
  if (openIdTenant !== undefined) return { type: "openIdConfiguration", tenant: openIdTenant };
  const [, tokenTenant] = TOKEN.exec(path) ?? [];
  if (tokenTenant !== undefined && method === "POST") return { type: "token", tenant: tokenTenant };
  const [, owner, id] = OPERATION.exec(path) ?? [];
  if (owner !== undefined && id !== undefined) return { type: "operation", subscription: owner, id };
  const [, subscription, resourceGroup, scaleSet, name, tail = ""] = MACHINE.exec(path) ?? [];
  const found = ACTIONS[tail.toLowerCase()];
  if (subscription === undefined || resourceGroup === undefined || name === undefined) return undefined;
  if (found === undefined || found.method !== method) return undefined;
  const machine = scaleSet === undefined ? { resourceGroup, name } : { resourceGroup, name, scaleSet };
  return { type: "machine", subscription, machine, action: found.action };
}

/** An error as Azure Resource Manager answers it. */
export class ArmError extends Error {
  override readonly name = "ArmError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface ArmAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export function errorAnswer({ status, code, message }: ArmError): ArmAnswer {
  return { status, body: { error: { code, message } } };
}

export function instanceViewOf({ power, isHibernated }: ArmMachine): ArmAnswer {
  const statuses = [
    { code: "ProvisioningState/succeeded", level: "Info", displayStatus: "Provisioning succeeded" },
    { code: `PowerState/${power}`, level: "Info", displayStatus: `VM ${power}` },
    ...(isHibernated === true
      ? [{ code: "HibernationState/Hibernated", level: "Info", displayStatus: "Hibernated" }]
      : []),
  ];
  return { status: 200, body: { statuses } };
}

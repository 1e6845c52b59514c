/** The objects a user writes, in the short form that tests need. */
import { API_VERSION } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/kube/ports.ts";

type Spec = Readonly<Record<string, unknown>>;

function object(kind: string, name: string, spec: Spec): KubeObject {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec } as KubeObject;
}

/** Read often, so that what was put right is seen soon. */
const SOON = { interval: "1s", timeout: "1s" };

export function virtualIp(name: string, address: string, more: Spec = {}): KubeObject {
  return object("AwsVirtualIP", name, { address, monitor: SOON, timeouts: { call: "1s" }, ...more });
}

export function probePort(name: string, port: number, more: Spec = {}): KubeObject {
  return object("LbProbePort", name, { port, ...more });
}

export function failoverGroup(name: string, nodes: readonly string[], resources: readonly Spec[], more: Spec = {}) {
  return object("FailoverGroup", name, { members: nodes.map((node) => ({ node })), resources, ...more });
}

export function secret(name: string, values: Readonly<Record<string, string>>): KubeObject {
  const encoded = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { apiVersion: "v1", kind: "Secret", metadata: { name }, data: Object.fromEntries(encoded) } as KubeObject;
}

/** The service of every test: a process that runs until it is stopped (`Installation` installs the program). */
export const SERVICE_PROGRAM = "/etc/understudy/exec.d/service";

export function service(name = "app", more: Spec = {}): Spec {
  const command = (verb: string): Spec => ({ command: [SERVICE_PROGRAM, verb] });
  const monitor = { ...command("status"), interval: "1s", timeout: "1s", retries: 0 };
  return { name, exec: { start: command("start"), stop: command("stop"), monitor }, ...more };
}

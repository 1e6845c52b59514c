/** What every command that talks to a cluster shares: its flags, its client, and how its errors end. */
import type { Command } from "commander";
import { systemClock } from "../host/system-clock.ts";
import { openCluster } from "../kube/connection.ts";
import { type KubeApi, KubeError } from "../kube/ports.ts";
import { RestKubeApi } from "../kube/rest-client.ts";
import { messageOf } from "../lib/errors.ts";

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface OpenedCluster {
  readonly kube: KubeApi;
  /** `--namespace`, else the context's, else `default`. */
  readonly namespace: string;
  close(): void;
}

/** Owner of what a person writes through the command line; history shows it as the requester. */
export const CLI_FIELD_MANAGER = "understudy-cli";

/** Deadline of one request; a person waits no longer than this for an answer. */
const REQUEST_TIMEOUT_MS = 10_000;

export function withClusterFlags(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "kubeconfig to use (default: KUBECONFIG, the pod's account, ~/.kube/config)")
    .option("--context <name>", "context of the kubeconfig")
    .option("-n, --namespace <name>", "namespace of the groups (default: the context's)");
}

/** Throws an `Error` fit to be shown when there is no cluster to talk to. */
export async function openFor(options: ClusterOptions): Promise<OpenedCluster> {
  const access = await openCluster(options, { clock: systemClock, environment: process.env });
  const kube = new RestKubeApi(
    { connection: access.connection, timeoutMs: REQUEST_TIMEOUT_MS, fieldManager: CLI_FIELD_MANAGER },
    { clock: systemClock },
  );
  return { kube, namespace: options.namespace ?? access.namespace ?? "default", close: () => kube.close() };
}

/** One line for a person: what failed and what to look at. */
export function explainFailure(thrown: unknown): string {
  if (thrown instanceof KubeError && thrown.code === "Unreachable")
    return `the API server cannot be reached: ${thrown.message}`;
  if (thrown instanceof KubeError && thrown.code === "NotFound")
    return `${thrown.message}. Are the CRDs installed? kubectl apply -f crds/`;
  return messageOf(thrown);
}

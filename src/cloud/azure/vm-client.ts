/**
 * Virtual machines of one Azure subscription under one identity, on the Azure SDK. Each call is sent once (retries are the
 * caller's, who looks anew before) and ends within its deadline whatever the SDK does.
 *
 * `powerOff` and `start` are long-running operations (Azure Resource Manager, "Track asynchronous operations"): accepted here,
 * followed by reading the machine's state. Must never do: wait for such an operation, or send one twice.
 */
import type { ComputeManagementClient, InstanceViewStatus } from "@azure/arm-compute";
import type { ComputeManagementContext } from "@azure/arm-compute/api";
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { CloudError } from "../errors.ts";
import type { AzureVm, SecretKeys } from "../fencing-ports.ts";
import type { CallKind, CallLimiter, CallLimits } from "../rate-limit.ts";
import { isCutConnection, toCloudError } from "./azure-errors.ts";

export type Sdk = typeof import("./azure-sdk.ts");

/** Azure Resource Manager's buckets per subscription and identity ("Understand how Azure Resource Manager throttles requests"). */
export const ARM_CALL_LIMITS: CallLimits = {
  read: { capacity: 250, refillPerSecond: 25 },
  write: { capacity: 200, refillPerSecond: 10 },
};

export interface AzureEndpoints {
  /** Resource Manager; omitted: Azure's own. */
  readonly resourceManager?: string;
  /** Where tokens come from; omitted: Microsoft Entra ID. */
  readonly authority?: string;
  /** PEM of an authority that signed the endpoints' certificates, for emulators and proxies. */
  readonly certificateAuthority?: string;
}

/** What `vm-client` needs of the SDK's credentials. */
export type Credential = ConstructorParameters<Sdk["ComputeManagementClient"]>[0];

/** The permissions of the caller on a resource (Microsoft.Authorization, Permissions - List For Resource). */
export interface Permission {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
}

export interface CallDeadline {
  readonly timeoutMs: number;
}

/** Machines as the SDK client offers them; `statuses` are codes such as `PowerState/running`. */
export interface AzureVmPort {
  statuses(vm: AzureVm, options: CallDeadline): Promise<string[]>;
  powerOff(vm: AzureVm, skipShutdown: boolean, options: CallDeadline): Promise<void>;
  start(vm: AzureVm, options: CallDeadline): Promise<void>;
  permissions(vm: AzureVm, options: CallDeadline): Promise<Permission[]>;
}

const PERMISSIONS_API = "2022-04-01";
/** How long a call waits for its turn, in milliseconds. */
const PATIENCE_MS = 500;

export function azureCredential(sdk: Sdk, keys: SecretKeys | undefined, endpoints: AzureEndpoints): Credential {
  const options = { ...authorityOptions(endpoints), ...transportOptions(endpoints) };
  if (keys === undefined) return ambientCredential(sdk, options);
  const { tenantId = "", clientId = "", clientCertificate = "", clientSecret = "" } = keys;
  if (tenantId === "" || clientId === "" || (clientCertificate === "" && clientSecret === "")) {
    const needed = "tenantId, clientId and clientCertificate or clientSecret";
    const detail = { code: "CredentialsMissing", action: "connect" } as const;
    throw new CloudError(detail, `the Secret of the credentials lacks a key; it needs ${needed}`);
  }
  if (clientCertificate !== "")
    return new sdk.ClientCertificateCredential(tenantId, clientId, { certificate: clientCertificate }, options);
  return new sdk.ClientSecretCredential(tenantId, clientId, clientSecret, options);
}

/** Workload identity where the pod has one, else the managed identity of the machine; no command line tool is ever run. */
function ambientCredential(sdk: Sdk, options: object): Credential {
  const managed = new sdk.ManagedIdentityCredential(options);
  if (process.env["AZURE_FEDERATED_TOKEN_FILE"] === undefined) return managed;
  return new sdk.ChainedTokenCredential(new sdk.WorkloadIdentityCredential(options), managed);
}

function authorityOptions({ authority }: AzureEndpoints): object {
  return authority === undefined ? {} : { authorityHost: authority, disableInstanceDiscovery: true };
}

function transportOptions({ certificateAuthority }: AzureEndpoints): object {
  const tls = certificateAuthority === undefined ? {} : { tlsOptions: { ca: certificateAuthority } };
  return { retryOptions: { maxRetries: 0 }, ...tls };
}

export interface AzureVmModules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Shared by every client of the same subscription and identity. */
  readonly limiter: CallLimiter;
}

export class AzureVmClient implements AzureVmPort {
  readonly #client: ComputeManagementClient;
  readonly #context: ComputeManagementContext;
  readonly #modules: AzureVmModules;

  constructor(
    sdk: Sdk,
    credential: Credential,
    subscriptionId: string,
    endpoints: AzureEndpoints,
    modules: AzureVmModules,
  ) {
    const { resourceManager } = endpoints;
    const options = {
      ...transportOptions(endpoints),
      ...(resourceManager === undefined ? {} : { endpoint: resourceManager }),
    };
    this.#client = new sdk.ComputeManagementClient(credential, subscriptionId, options);
    this.#context = sdk.createComputeManagement(credential, subscriptionId, options);
    this.#modules = modules;
  }

  statuses(vm: AzureVm, options: CallDeadline): Promise<string[]> {
    return this.#call("VirtualMachines.InstanceView", "read", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      const { statuses = [] }: { statuses?: InstanceViewStatus[] } =
        scaleSet === undefined
          ? await this.#client.virtualMachines.instanceView(resourceGroup, name, { abortSignal })
          : await this.#client.virtualMachineScaleSetVMs.getInstanceView(resourceGroup, scaleSet, name, {
              abortSignal,
            });
      return statuses.flatMap(({ code }) => code ?? []);
    });
  }

  powerOff(vm: AzureVm, skipShutdown: boolean, options: CallDeadline): Promise<void> {
    return this.#call("VirtualMachines.PowerOff", "write", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      const how = { skipShutdown, abortSignal };
      await (scaleSet === undefined
        ? this.#client.virtualMachines.powerOff(resourceGroup, name, how).submitted()
        : this.#client.virtualMachineScaleSetVMs.powerOff(resourceGroup, scaleSet, name, how).submitted());
    });
  }

  start(vm: AzureVm, options: CallDeadline): Promise<void> {
    return this.#call("VirtualMachines.Start", "write", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      await (scaleSet === undefined
        ? this.#client.virtualMachines.start(resourceGroup, name, { abortSignal }).submitted()
        : this.#client.virtualMachineScaleSetVMs.start(resourceGroup, scaleSet, name, { abortSignal }).submitted());
    });
  }

  permissions(vm: AzureVm, options: CallDeadline): Promise<Permission[]> {
    const path = `${resourceId(vm)}/providers/Microsoft.Authorization/permissions?api-version=${PERMISSIONS_API}`;
    return this.#call("Permissions.List", "read", options, async (abortSignal) => {
      const { status, body } = await this.#context.pathUnchecked(path).get({ abortSignal });
      const { value, error } = body as { value?: Permission[]; error?: { code?: string; message?: string } };
      if (status === "200") return value ?? [];
      throw Object.assign(new Error(error?.message ?? `status ${status}`), {
        statusCode: Number(status),
        code: error?.code,
      });
    });
  }

  /** One call within its deadline and budget, measured. */
  async #call<T>(
    action: string,
    kind: CallKind,
    { timeoutMs }: CallDeadline,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, limiter, metrics } = this.#modules;
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    await limiter.admit(kind, action, Math.min(PATIENCE_MS, timeoutMs));
    const sentAtMs = clock.monotonicMs();
    const record = (outcome: string): void => {
      const labels = { provider: "azure", action, outcome };
      metrics.observe("understudy_cloud_call_duration_seconds", (clock.monotonicMs() - sentAtMs) / 1_000, labels);
    };
    try {
      const answer = await this.#within(action, Math.max(0, endsAtMs - sentAtMs), (signal) =>
        sendOnce(kind, signal, send),
      );
      limiter.answered(kind);
      record("ok");
      return answer;
    } catch (thrown) {
      const error = toCloudError(action, thrown);
      if (error.code === "Throttled") limiter.throttled(kind);
      record(error.code);
      throw error;
    }
  }

  /** Rejects with `CallTimeout` at the deadline even when the SDK (say, its token request) does not heed the signal. */
  #within<T>(action: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const timer = this.#modules.clock.setTimer(timeoutMs, () => {
        const detail = { code: "CallTimeout", action } as const;
        reject(new CloudError(detail, `Azure ${action}: no answer within ${Math.round(timeoutMs)} ms`));
        abort.abort();
      });
      run(abort.signal)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

/** A write once; a read a second time when its kept-alive connection turned out to be closed. */
async function sendOnce<T>(kind: CallKind, signal: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await send(signal);
  } catch (thrown) {
    if (kind !== "read" || signal.aborted || !isCutConnection(thrown)) throw thrown;
    return await send(signal);
  }
}

function resourceId({ subscriptionId, resourceGroup, scaleSet, name }: AzureVm): string {
  const compute = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute`;
  const machine = scaleSet === undefined ? "" : `/virtualMachineScaleSets/${scaleSet}`;
  return `${compute}${machine}/virtualMachines/${name}`;
}

/**
 * `Ec2Port` on the AWS SDK: one warm client (connections kept alive) for one region and one identity.
 *
 * The SDK is imported when the first client is made, never by a process without AWS resources. It sends each call once
 * (`maxAttempts: 1`): retries are the reconcile loop's, which looks at the grant again before it writes. Only a read
 * whose kept-alive connection turned out to be closed is sent a second time.
 * Must never do: run longer than `timeoutMs`, or send a write twice.
 */
import type { DescribeRouteTablesCommandInput, EC2Client } from "@aws-sdk/client-ec2";
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { CallTimes } from "../call-times.ts";
import { CallTimer } from "../call-times.ts";
import { CloudError } from "../errors.ts";
import type { CallKind, CallLimiter } from "../rate-limit.ts";
import { instance, networkInterface, powerChange, routeTable, vpcFacts } from "./ec2-answers.ts";
import { isAllowedDryRun, isCutConnection, toCloudError } from "./ec2-errors.ts";
import type {
  CloudCallOptions,
  Ec2Port,
  Ec2PowerPort,
  Instance,
  NetworkInterface,
  PowerChange,
  RouteTable,
  VpcFacts,
} from "./ports.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Ec2ClientOptions {
  readonly region: string;
  /** VPC endpoint or emulator; omitted: AWS's own for the region. */
  readonly endpoint?: string;
  /** Omitted: the SDK's default chain (environment, IRSA, Pod Identity, instance profile). */
  readonly credentials?: AwsCredentials;
}

export interface Ec2ClientModules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Shared by every client of the same region and identity. */
  readonly limiter: CallLimiter;
}

type Sdk = typeof import("./ec2-sdk.ts");

/** Most pages of one Describe call; 100 pages of 1000 are far beyond any VPC's quota. */
const MAX_PAGES = 100;
/** How long a read waits for its turn, in ms: whoever reads may have a route to write, and must not queue for long. */
const READ_PATIENCE_MS = 500;
/** How long a TCP and TLS connection may take, in ms; the call's own deadline still holds. */
const CONNECTION_TIMEOUT_MS = 2_000;

/** Loads the SDK (about 0.2 s) and makes the client; sends nothing. */
export async function createEc2Client(options: Ec2ClientOptions, modules: Ec2ClientModules): Promise<Ec2SdkClient> {
  const sdk: Sdk = await import("./ec2-sdk.ts");
  const client = new sdk.EC2Client({
    region: options.region,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  });
  return new Ec2SdkClient(sdk, client, modules);
}

export class Ec2SdkClient implements Ec2Port, Ec2PowerPort {
  readonly #sdk: Sdk;
  readonly #client: EC2Client;
  readonly #modules: Ec2ClientModules;
  readonly #timer = new CallTimer();

  constructor(sdk: Sdk, client: EC2Client, modules: Ec2ClientModules) {
    this.#sdk = sdk;
    this.#client = client;
    this.#modules = modules;
  }

  callTimes(): CallTimes | undefined {
    return this.#timer.times();
  }

  /** Closes idle connections; calls under way end by themselves. */
  close(): void {
    this.#client.destroy();
  }

  describeVpcs(vpcIds: readonly string[], options: CloudCallOptions): Promise<VpcFacts[]> {
    return this.#pages("DescribeVpcs", options, async (NextToken, abortSignal) => {
      const input = { VpcIds: [...vpcIds], ...dryRun(options), ...NextToken };
      const answer = await this.#client.send(new this.#sdk.DescribeVpcsCommand(input), { abortSignal });
      return { items: (answer.Vpcs ?? []).map(vpcFacts), next: answer.NextToken };
    });
  }

  describeRouteTables(
    query: Parameters<Ec2Port["describeRouteTables"]>[0],
    options: CloudCallOptions,
  ): Promise<RouteTable[]> {
    const selection: DescribeRouteTablesCommandInput =
      "vpcId" in query
        ? { Filters: [{ Name: "vpc-id", Values: [query.vpcId] }] }
        : { RouteTableIds: [...query.routeTableIds] };
    return this.#pages("DescribeRouteTables", options, async (NextToken, abortSignal) => {
      const input = { ...selection, ...dryRun(options), ...NextToken };
      const answer = await this.#client.send(new this.#sdk.DescribeRouteTablesCommand(input), { abortSignal });
      return { items: (answer.RouteTables ?? []).map(routeTable), next: answer.NextToken };
    });
  }

  describeNetworkInterfaces(
    query: Parameters<Ec2Port["describeNetworkInterfaces"]>[0],
    options: CloudCallOptions,
  ): Promise<NetworkInterface[]> {
    const selection =
      "ids" in query
        ? { NetworkInterfaceIds: [...query.ids] }
        : { Filters: [{ Name: "attachment.instance-id", Values: [query.instanceId] }] };
    return this.#pages("DescribeNetworkInterfaces", options, async (NextToken, abortSignal) => {
      const input = { ...selection, ...dryRun(options), ...NextToken };
      const answer = await this.#client.send(new this.#sdk.DescribeNetworkInterfacesCommand(input), { abortSignal });
      return { items: (answer.NetworkInterfaces ?? []).map(networkInterface), next: answer.NextToken };
    });
  }

  describeInstances(instanceIds: readonly string[], options: CloudCallOptions): Promise<Instance[]> {
    return this.#pages("DescribeInstances", options, async (NextToken, abortSignal) => {
      const input = { InstanceIds: [...instanceIds], ...dryRun(options), ...NextToken };
      const answer = await this.#client.send(new this.#sdk.DescribeInstancesCommand(input), { abortSignal });
      const items = (answer.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).map(instance));
      return { items, next: answer.NextToken };
    });
  }

  async replaceRoute(route: Parameters<Ec2Port["replaceRoute"]>[0], options: CloudCallOptions): Promise<void> {
    const input = {
      RouteTableId: route.routeTableId,
      DestinationCidrBlock: route.destinationCidr,
      NetworkInterfaceId: route.networkInterfaceId,
      ...dryRun(options),
    };
    await this.#call("ReplaceRoute", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.ReplaceRouteCommand(input), { abortSignal }),
    );
  }

  async setSourceDestCheck(networkInterfaceId: string, enabled: boolean, options: CloudCallOptions): Promise<void> {
    const input = { NetworkInterfaceId: networkInterfaceId, SourceDestCheck: { Value: enabled }, ...dryRun(options) };
    await this.#call("ModifyNetworkInterfaceAttribute", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.ModifyNetworkInterfaceAttributeCommand(input), { abortSignal }),
    );
  }

  async stopInstance(
    instanceId: string,
    how: { readonly force?: boolean; readonly skipOsShutdown?: boolean },
    options: CloudCallOptions,
  ): Promise<PowerChange> {
    const plug = {
      ...(how.force === true ? { Force: true } : {}),
      ...(how.skipOsShutdown === true ? { SkipOsShutdown: true } : {}),
    };
    const input = { InstanceIds: [instanceId], ...plug, ...dryRun(options) };
    const answer = await this.#call("StopInstances", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.StopInstancesCommand(input), { abortSignal }),
    );
    return powerChange(answer?.StoppingInstances);
  }

  async startInstance(instanceId: string, options: CloudCallOptions): Promise<PowerChange> {
    const input = { InstanceIds: [instanceId], ...dryRun(options) };
    const answer = await this.#call("StartInstances", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.StartInstancesCommand(input), { abortSignal }),
    );
    return powerChange(answer?.StartingInstances);
  }

  /** Every page of a Describe call, all within one deadline. An allowed dry run has no items. */
  async #pages<T>(
    action: string,
    options: CloudCallOptions,
    fetchPage: (
      token: { NextToken?: string },
      signal: AbortSignal,
    ) => Promise<{ readonly items: T[]; readonly next: string | undefined }>,
  ): Promise<T[]> {
    const endsAtMs = this.#modules.clock.monotonicMs() + options.timeoutMs;
    const items: T[] = [];
    let token: { NextToken?: string } = {};
    for (let page = 0; page < MAX_PAGES; page++) {
      const timeoutMs = Math.max(0, endsAtMs - this.#modules.clock.monotonicMs());
      const answer = await this.#call(action, "read", { ...options, timeoutMs }, (signal) => fetchPage(token, signal));
      items.push(...(answer?.items ?? []));
      if (answer?.next === undefined || answer.next === "") return items;
      token = { NextToken: answer.next };
    }
    throw new CloudError({ code: "CallFailed", action }, `EC2 ${action}: more than ${MAX_PAGES} pages`);
  }

  /** One call within its deadline and budget, measured. Undefined: a dry run that is allowed. */
  async #call<T>(
    action: string,
    kind: CallKind,
    options: CloudCallOptions,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const { clock, limiter, metrics } = this.#modules;
    const endsAtMs = clock.monotonicMs() + options.timeoutMs;
    const patienceMs = kind === "read" ? Math.min(READ_PATIENCE_MS, options.timeoutMs) : options.timeoutMs;
    await limiter.admit(kind, action, patienceMs);
    const sentAtMs = clock.monotonicMs();
    const record = (outcome: string): void => {
      const durationMs = clock.monotonicMs() - sentAtMs;
      this.#timer.add(durationMs);
      metrics.observe("understudy_cloud_call_duration_seconds", durationMs / 1_000, {
        provider: "aws",
        action,
        outcome,
      });
    };
    try {
      const answer = await this.#within(action, endsAtMs - sentAtMs, (signal) => this.#send(kind, signal, send));
      limiter.answered(kind);
      record("ok");
      return answer;
    } catch (thrown) {
      if (options.dryRun === true && isAllowedDryRun(thrown)) {
        record("ok");
        return undefined;
      }
      const error = toCloudError(action, thrown);
      if (error.code === "Throttled") limiter.throttled(kind);
      record(error.code);
      throw error;
    }
  }

  async #send<T>(kind: CallKind, signal: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await send(signal);
    } catch (thrown) {
      if (kind !== "read" || signal.aborted || !isCutConnection(thrown)) throw thrown;
      return await send(signal);
    }
  }

  /** Rejects with `CallTimeout` at the deadline even when the SDK (say, its credential chain) does not heed the signal. */
  #within<T>(action: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const timer = this.#modules.clock.setTimer(timeoutMs, () => {
        reject(
          new CloudError(
            { code: "CallTimeout", action },
            `EC2 ${action}: no answer within ${Math.round(timeoutMs)} ms`,
          ),
        );
        abort.abort();
      });
      run(abort.signal)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

function dryRun(options: CloudCallOptions): { DryRun?: true } {
  return options.dryRun === true ? { DryRun: true } : {};
}

/**
 * `Ec2Port` on the AWS SDK: one warm client (connections kept alive) for one region and one identity.
 *
 * The SDK is imported when the first client is made, never by a process without AWS resources. How a call is sent,
 * limited and measured: `sdk-caller.ts`.
 * Must never do: run longer than `timeoutMs`, or send a write twice.
 */
import type { DescribeRouteTablesCommandInput, EC2Client } from "@aws-sdk/client-ec2";
import type { CallTimes } from "../call-times.ts";
import { CloudError } from "../errors.ts";
import { elasticIp, instance, networkInterface, powerChange, routeTable, vpcFacts } from "./ec2-answers.ts";
import type {
  CloudCallOptions,
  Ec2Port,
  Ec2PowerPort,
  Ec2ZonePort,
  ElasticIp,
  Instance,
  NetworkInterface,
  PowerChange,
  RouteTable,
  VpcDns,
  VpcFacts,
  ZoneFacts,
} from "./ports.ts";
import { SdkCaller, sdkConfiguration } from "./sdk-caller.ts";
import type { AwsCallerModules, AwsClientOptions, AwsCredentials } from "./sdk-caller.ts";

export type { AwsCredentials };
export type Ec2ClientOptions = AwsClientOptions;
export type Ec2ClientModules = AwsCallerModules;

type Sdk = typeof import("./ec2-sdk.ts");

/** Most pages of one Describe call; 100 pages of 1000 are far beyond any VPC's quota. */
const MAX_PAGES = 100;
/** How long a read waits for its turn, in ms: whoever reads may have a route to write, and must not queue for long. */
const READ_PATIENCE_MS = 500;

/** Loads the SDK (about 0.2 s) and makes the client; sends nothing. */
export async function createEc2Client(options: Ec2ClientOptions, modules: Ec2ClientModules): Promise<Ec2SdkClient> {
  const sdk: Sdk = await import("./ec2-sdk.ts");
  const client = new sdk.EC2Client(sdkConfiguration(options));
  return new Ec2SdkClient(sdk, client, options.region, modules);
}

export class Ec2SdkClient implements Ec2Port, Ec2PowerPort, Ec2ZonePort {
  readonly #sdk: Sdk;
  readonly #client: EC2Client;
  readonly #modules: Ec2ClientModules;
  readonly #caller: SdkCaller;

  constructor(sdk: Sdk, client: EC2Client, region: string, modules: Ec2ClientModules) {
    this.#sdk = sdk;
    this.#client = client;
    this.#modules = modules;
    this.#caller = new SdkCaller(`EC2 (${region})`, READ_PATIENCE_MS, modules);
  }

  callTimes(): CallTimes | undefined {
    return this.#caller.callTimes();
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

  async describeVpcDns(vpcId: string, options: CloudCallOptions): Promise<VpcDns> {
    const ask = async (Attribute: "enableDnsSupport" | "enableDnsHostnames") => {
      const input = { VpcId: vpcId, Attribute, ...dryRun(options) };
      return await this.#caller.call("DescribeVpcAttribute", "read", options, (abortSignal) =>
        this.#client.send(new this.#sdk.DescribeVpcAttributeCommand(input), { abortSignal }),
      );
    };
    const [support, hostnames] = await Promise.all([ask("enableDnsSupport"), ask("enableDnsHostnames")]);
    return {
      hasDnsSupport: support?.EnableDnsSupport?.Value === true,
      hasDnsHostnames: hostnames?.EnableDnsHostnames?.Value === true,
    };
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
        : "anyOfIds" in query
          ? { Filters: [{ Name: "network-interface-id", Values: [...query.anyOfIds] }] }
          : { Filters: [{ Name: "attachment.instance-id", Values: [...query.instanceIds] }] };
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

  async describeAvailabilityZones(options: CloudCallOptions): Promise<ZoneFacts[]> {
    const answer = await this.#caller.call("DescribeAvailabilityZones", "read", options, (abortSignal) =>
      this.#client.send(new this.#sdk.DescribeAvailabilityZonesCommand(dryRun(options)), { abortSignal }),
    );
    return (answer?.AvailabilityZones ?? []).flatMap(({ ZoneName: name, State: state }) =>
      name === undefined ? [] : [{ name, state: state ?? "" }],
    );
  }

  async replaceRoute(route: Parameters<Ec2Port["replaceRoute"]>[0], options: CloudCallOptions): Promise<void> {
    const input = {
      RouteTableId: route.routeTableId,
      DestinationCidrBlock: route.destinationCidr,
      NetworkInterfaceId: route.networkInterfaceId,
      ...dryRun(options),
    };
    await this.#caller.call("ReplaceRoute", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.ReplaceRouteCommand(input), { abortSignal }),
    );
  }

  async setSourceDestCheck(networkInterfaceId: string, enabled: boolean, options: CloudCallOptions): Promise<void> {
    const input = { NetworkInterfaceId: networkInterfaceId, SourceDestCheck: { Value: enabled }, ...dryRun(options) };
    await this.#caller.call("ModifyNetworkInterfaceAttribute", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.ModifyNetworkInterfaceAttributeCommand(input), { abortSignal }),
    );
  }

  /** One call, however many addresses: DescribeAddresses has no pages (EC2 API reference). */
  async describeAddresses(allocationIds: readonly string[], options: CloudCallOptions): Promise<ElasticIp[]> {
    const input = { ...(allocationIds.length === 0 ? {} : { AllocationIds: [...allocationIds] }), ...dryRun(options) };
    const answer = await this.#caller.call("DescribeAddresses", "read", options, (abortSignal) =>
      this.#client.send(new this.#sdk.DescribeAddressesCommand(input), { abortSignal }),
    );
    return (answer?.Addresses ?? []).map(elasticIp);
  }

  async associateAddress(
    association: Parameters<Ec2Port["associateAddress"]>[0],
    options: CloudCallOptions,
  ): Promise<void> {
    const input = {
      AllocationId: association.allocationId,
      NetworkInterfaceId: association.networkInterfaceId,
      AllowReassociation: true,
      ...dryRun(options),
    };
    await this.#caller.call("AssociateAddress", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.AssociateAddressCommand(input), { abortSignal }),
    );
  }

  async disassociateAddress(associationId: string, options: CloudCallOptions): Promise<void> {
    const input = { AssociationId: associationId, ...dryRun(options) };
    await this.#caller.call("DisassociateAddress", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.DisassociateAddressCommand(input), { abortSignal }),
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
    const answer = await this.#caller.call("StopInstances", "write", options, (abortSignal) =>
      this.#client.send(new this.#sdk.StopInstancesCommand(input), { abortSignal }),
    );
    return powerChange(answer?.StoppingInstances);
  }

  async startInstance(instanceId: string, options: CloudCallOptions): Promise<PowerChange> {
    const input = { InstanceIds: [instanceId], ...dryRun(options) };
    const answer = await this.#caller.call("StartInstances", "write", options, (abortSignal) =>
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
      const answer = await this.#caller.call(action, "read", { ...options, timeoutMs }, (signal) =>
        fetchPage(token, signal),
      );
      items.push(...(answer?.items ?? []));
      if (answer?.next === undefined || answer.next === "") return items;
      token = { NextToken: answer.next };
    }
    throw new CloudError({ code: "CallFailed", action }, `EC2 ${action}: more than ${MAX_PAGES} pages`);
  }
}

function dryRun(options: CloudCallOptions): { DryRun?: true } {
  return options.dryRun === true ? { DryRun: true } : {};
}

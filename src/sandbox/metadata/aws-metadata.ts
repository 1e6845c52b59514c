/**
 * EC2's instance metadata, version 2: a token first, then documents about the very machine that asks
 * (EC2 user guide, "Use the Instance Metadata Service", "Instance metadata categories", "Instance identity documents").
 * What AWS has planned comes from the emulated EC2; notices to spot instances are set by the scenario.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Instance } from "../ec2/ports.ts";
import type { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import {
  jsonAnswer,
  type MetadataAnswer,
  type MetadataRequest,
  type MetadataService,
  textAnswer,
} from "./documents.ts";

/** 1 s to 6 h. */
const MAX_TOKEN_SECONDS = 21_600;
/** Most tokens that are remembered; the oldest is forgotten first. */
const MAX_TOKENS = 1_000;
const NOT_FOUND: MetadataAnswer = { status: 404 };

export interface AwsMetadataModules {
  readonly regions: readonly VirtualEc2[];
  readonly instanceOf: (vm: string) => string;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SpotNotice {
  readonly action: "terminate" | "stop" | "hibernate";
  /** ISO 8601. */
  readonly time: string;
}

export class AwsMetadata implements MetadataService {
  /** By machine. */
  readonly spotNotices = new Map<string, SpotNotice>();
  readonly #modules: AwsMetadataModules;
  /** By token: whose it is and until when. */
  readonly #tokens = new Map<string, { readonly vm: string; readonly untilMs: number }>();

  constructor(modules: AwsMetadataModules) {
    this.#modules = modules;
  }

  answer(vm: string, request: MetadataRequest): MetadataAnswer {
    const { pathname } = request.url;
    if (pathname === "/latest/api/token") return this.#token(vm, request);
    if (request.method !== "GET") return { status: 405 };
    if (!this.#isFresh(vm, request.headers["x-aws-ec2-metadata-token"])) return { status: 401 };
    const instanceId = this.#modules.instanceOf(vm);
    const region = this.#modules.regions.find(({ state }) => state.instances.has(instanceId));
    const instance = region?.state.instances.get(instanceId);
    if (region === undefined || instance === undefined) return NOT_FOUND;
    return this.#document(pathname, { vm, region, instance });
  }

  #document(
    path: string,
    { vm, region, instance }: { readonly vm: string; readonly region: VirtualEc2; readonly instance: Instance },
  ): MetadataAnswer {
    const eni = region.state.networkInterfaces.get(instance.networkInterfaceIds[0] ?? "");
    const { instanceId, availabilityZone } = instance;
    const spot = this.spotNotices.get(vm);
    switch (path) {
      case "/latest/dynamic/instance-identity/document": {
        const { ownerId: accountId } = region;
        const privateIp = eni?.privateIpAddress;
        return jsonAnswer({
          accountId,
          availabilityZone,
          instanceId,
          privateIp,
          region: region.region,
          version: "2017-09-30",
        });
      }
      case "/latest/meta-data/instance-id":
        return textAnswer(instanceId);
      case "/latest/meta-data/placement/availability-zone":
        return textAnswer(availabilityZone);
      case "/latest/meta-data/placement/region":
        return textAnswer(region.region);
      case "/latest/meta-data/local-ipv4":
        return textAnswer(eni?.privateIpAddress ?? "");
      case "/latest/meta-data/mac":
        return textAnswer(eni?.macAddress ?? "");
      case "/latest/meta-data/events/maintenance/scheduled":
        return jsonAnswer((instance.events ?? []).map((event) => maintenance(event)));
      case "/latest/meta-data/spot/instance-action":
        return spot === undefined ? NOT_FOUND : jsonAnswer(spot);
      default:
        return NOT_FOUND;
    }
  }

  #token(vm: string, { method, headers }: MetadataRequest): MetadataAnswer {
    if (method !== "PUT") return { status: 405 };
    const seconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"] ?? Number.NaN);
    // Requests that came through a proxy are refused (EC2 user guide, "How Instance Metadata Service Version 2 works").
    if (headers["x-forwarded-for"] !== undefined) return { status: 403 };
    if (!(seconds >= 1 && seconds <= MAX_TOKEN_SECONDS)) return { status: 400 };
    const { clock, random } = this.#modules;
    const token = Buffer.from(random.uuid()).toString("base64");
    this.#tokens.set(token, { vm, untilMs: clock.monotonicMs() + seconds * 1_000 });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    return { ...textAnswer(token), headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(seconds) } };
  }

  #isFresh(vm: string, token: string | readonly string[] | undefined): boolean {
    const known = typeof token === "string" ? this.#tokens.get(token) : undefined;
    return known !== undefined && known.vm === vm && this.#modules.clock.monotonicMs() < known.untilMs;
  }
}

/** An event as EC2's metadata words it: `21 Jan 2019 09:00:43 GMT`. */
function maintenance(event: NonNullable<Instance["events"]>[number]): Readonly<Record<string, string>> {
  const when = (iso: string): string =>
    new Intl.DateTimeFormat("en-GB", WHEN).format(Date.parse(iso)).replace(",", "") + " GMT";
  return {
    Code: event.code,
    Description: event.description,
    EventId: event.instanceEventId,
    NotBefore: when(event.notBefore),
    ...(event.notAfter === undefined ? {} : { NotAfter: when(event.notAfter) }),
    State: "active",
  };
}

const WHEN = {
  day: "2-digit",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
} as const;

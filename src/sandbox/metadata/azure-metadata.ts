/**
 * Azure's instance metadata: the machine's own resource, and scheduled events that it can approve
 * (Azure documentation, "Azure Instance Metadata Service", "Scheduled Events for Linux VMs").
 *
 *   Scheduled ──StartRequests, or NotBefore comes──> Started ──the scenario ends it──> gone
 *
 * Every machine of the set is told about all events, as by Azure.
 */
import type { VmPlace } from "../network/topology.ts";
import { jsonAnswer, type MetadataAnswer, type MetadataRequest, type MetadataService } from "./documents.ts";

export interface AzureEvent {
  readonly id: string;
  readonly type: "Freeze" | "Reboot" | "Redeploy" | "Preempt" | "Terminate";
  /** Machines that it will hit. */
  readonly vms: readonly string[];
  /** In ms since 1970. */
  readonly notBeforeMs: number;
  /** -1: unknown. */
  readonly durationSeconds: number;
  readonly status: "Scheduled" | "Started";
}

export interface AzureMetadataModules {
  readonly vms: readonly VmPlace[];
  /** Resource id of a machine. */
  readonly resourceId: (vm: string) => string;
  /** An event was approved by a machine: it starts now. */
  readonly approved?: (event: AzureEvent) => void;
}

const MAX_EVENTS = 100;

export class AzureMetadata implements MetadataService {
  readonly #modules: AzureMetadataModules;
  readonly #events = new Map<string, AzureEvent>();
  #incarnation = 1;

  constructor(modules: AzureMetadataModules) {
    this.#modules = modules;
  }

  /** Adds or replaces an event. */
  announce(event: AzureEvent): void {
    if (this.#events.size >= MAX_EVENTS) throw new RangeError(`more than ${MAX_EVENTS} scheduled events`);
    this.#events.set(event.id, event);
    this.#incarnation += 1;
  }

  /** The event is over, or was called off. */
  end(eventId: string): void {
    if (this.#events.delete(eventId)) this.#incarnation += 1;
  }

  event(eventId: string): AzureEvent | undefined {
    return this.#events.get(eventId);
  }

  answer(vm: string, request: MetadataRequest): MetadataAnswer {
    const { url, headers, method } = request;
    if (headers["metadata"] !== "true") return badRequest("Required metadata header not specified");
    if (headers["x-forwarded-for"] !== undefined) return badRequest("Proxied requests are refused");
    if (!url.searchParams.has("api-version")) return badRequest("No api-version was specified in the request");
    if (url.pathname === "/metadata/scheduledevents") {
      return method === "POST" ? this.#approve(request) : jsonAnswer(this.#document());
    }
    const place = this.#modules.vms.find((candidate) => candidate.name === vm);
    if (place === undefined || method !== "GET") return { status: 404 };
    const compute = this.#compute(place);
    if (url.pathname === "/metadata/instance/compute") return jsonAnswer(compute);
    if (url.pathname === "/metadata/instance") return jsonAnswer({ compute });
    return { status: 404 };
  }

  #compute(place: VmPlace): Readonly<Record<string, string>> {
    const resourceId = this.#modules.resourceId(place.name);
    const [, , subscriptionId = "", , resourceGroupName = ""] = resourceId.split("/");
    const zone = place.zone.slice(place.region.length + 1);
    const identity = { name: place.name, resourceId, subscriptionId, resourceGroupName };
    return { ...identity, location: place.region, zone, vmScaleSetName: "", azEnvironment: "AzurePublicCloud" };
  }

  #document(): unknown {
    return {
      DocumentIncarnation: this.#incarnation,
      Events: [...this.#events.values()].map((event) => written(event)),
    };
  }

  #approve({ body }: MetadataRequest): MetadataAnswer {
    const ids = requestedIds(body);
    if (ids === undefined) return badRequest("The request body is not a list of StartRequests");
    for (const id of ids) {
      const event = this.#events.get(id);
      if (event === undefined || event.status === "Started") continue;
      const started: AzureEvent = { ...event, status: "Started" };
      this.announce(started);
      this.#modules.approved?.(started);
    }
    return { status: 200 };
  }
}

function written(event: AzureEvent): unknown {
  return {
    EventId: event.id,
    EventStatus: event.status,
    EventType: event.type,
    ResourceType: "VirtualMachine",
    Resources: event.vms,
    // Empty once it has started.
    NotBefore: event.status === "Started" ? "" : new Date(event.notBeforeMs).toUTCString(),
    Description: "",
    EventSource: "Platform",
    DurationInSeconds: event.durationSeconds,
  };
}

function requestedIds(body: string): string[] | undefined {
  try {
    const { StartRequests } = JSON.parse(body) as { readonly StartRequests?: unknown };
    if (!Array.isArray(StartRequests)) return undefined;
    return StartRequests.map((entry: { readonly EventId?: unknown }) => String(entry.EventId));
  } catch {
    return undefined;
  }
}

function badRequest(error: string): MetadataAnswer {
  return { status: 400, body: JSON.stringify({ error }), headers: { "content-type": "application/json" } };
}

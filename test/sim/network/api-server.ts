/**
 * The API server of a simulated world: the embedded server's core, with its kinds compiled once for all worlds and
 * session Leases on a short way (they are most of the traffic, and of their handling only versions and identity matter).
 */
import type { KubeObject, ObjectKey } from "../../../src/kube/ports.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import type { Random } from "../../../src/lib/random.ts";
import { ApiServerCore } from "../../../src/sandbox/apiserver/core.ts";
import type { ApiObject } from "../../../src/sandbox/apiserver/json.ts";
import { apiVersionOf, type Resource } from "../../../src/sandbox/apiserver/resource.ts";
import { alreadyExists, conflict, MODIFIED, notFound } from "../../../src/sandbox/apiserver/status-error.ts";
import { storeKey } from "../../../src/sandbox/apiserver/store.ts";
import { installCrds } from "../../fakes/in-process-kube.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import type { SimProcess } from "../engine/process.ts";
import { Applied } from "./fast-apply.ts";
import { shared } from "./frozen.ts";

/** How the server behaves towards everybody. */
export type ApiCondition = "up" | "refuses" | "hangs";

export class SimApiServer {
  readonly core: ApiServerCore;
  readonly leases: Resource;
  readonly process: SimProcess;
  condition: ApiCondition = "up";
  /** Chance that a request is answered with 429, 500 or 503. */
  refusalChance = 0;
  /** Chance that a list for a cache shows an older state. */
  staleChance = 0;
  /** Breaks watches of one client site, or of all. */
  readonly breakers = new Set<(client: string | undefined) => void>();
  readonly #random: Random;
  /** By uid. */
  readonly #applied = new Map<string, Applied>();

  constructor(process: SimProcess, random: Random, kinds: readonly Resource[]) {
    this.process = process;
    this.#random = random;
    this.core = new ApiServerCore({ clock: process, random, autoCreateNamespaces: true, historyLimit: 400 });
    for (const resource of kinds) this.core.registry.add(resource);
    const leases = this.core.registry.find("coordination.k8s.io", "v1", "leases");
    if (leases === undefined) throw new Error("the server serves no Leases");
    this.leases = leases;
  }

  breakWatches(client?: string): void {
    for (const broken of this.breakers) broken(client);
  }

  /** Puts an object there before the world begins, as `template` would have stored it. */
  prefill(resource: Resource, object: KubeObject, template: Template, status?: object): void {
    const { namespace = "", name } = object.metadata;
    const stored = template.stored(resource, object);
    const whole = status === undefined ? stored : { ...stored, status };
    this.core.store.put(resource.storage, storeKey(namespace, name), whole as ApiObject);
  }

  createLease(namespace: string, lease: KubeObject): ApiObject {
    const { store } = this.core;
    const { name } = lease.metadata;
    const key = storeKey(namespace, name);
    if (store.get(this.leases.storage, key) !== undefined) throw alreadyExists(this.leases, name);
    const creationTimestamp = new Date(this.process.wallMs()).toISOString();
    const metadata = { ...lease.metadata, namespace, uid: this.#random.uuid(), creationTimestamp };
    return store.put(this.leases.storage, key, this.#leaseOf(lease, metadata));
  }

  replaceLease(namespace: string, lease: KubeObject): ApiObject {
    const { store } = this.core;
    const { name, resourceVersion, uid } = lease.metadata;
    const key = storeKey(namespace, name);
    const live = store.get(this.leases.storage, key);
    if (live === undefined) throw notFound(this.leases, name);
    const isOther = uid !== undefined && uid !== live.metadata.uid;
    if (isOther || (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion))
      throw conflict(this.leases, name, MODIFIED);
    const { creationTimestamp } = live.metadata;
    const metadata = {
      ...lease.metadata,
      namespace,
      ...(live.metadata.uid === undefined ? {} : { uid: live.metadata.uid }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    };
    return store.put(this.leases.storage, key, this.#leaseOf(lease, metadata));
  }

  /** As server-side apply to the status, with force. */
  applyStatus(resource: Resource, key: ObjectKey, body: KubeObject, manager: string): ApiObject {
    const { store } = this.core;
    const stored = storeKey(key.namespace, key.name);
    const live = store.get(resource.storage, stored);
    if (live === undefined) throw notFound(resource, key.name);
    const { resourceVersion = "", uid } = body.metadata;
    if (resourceVersion !== "" && resourceVersion !== live.metadata.resourceVersion)
      throw conflict(resource, key.name, MODIFIED);
    if (uid !== undefined && uid !== live.metadata.uid) throw conflict(resource, key.name, "uid mismatch");
    const applied = this.#applied.get(live.metadata.uid ?? "") ?? new Applied();
    this.#applied.set(live.metadata.uid ?? "", applied);
    const schema = resource.schema.properties?.["status"];
    const status = applied.apply(schema, live["status"], manager, (body as { status?: unknown }).status ?? {});
    if (status === live["status"]) return live;
    return store.put(resource.storage, stored, { ...live, status });
  }

  /** What people are told. */
  onEvent: (text: string) => void = () => undefined;

  /** Events are told and not kept: nothing of the product reads them. */
  takeEvent(event: KubeObject & { readonly reason?: string; readonly message?: string }): KubeObject {
    if (event.reason !== undefined) this.onEvent(`${event.reason}: ${event.message}`);
    return { ...event, metadata: { ...event.metadata, uid: "event", resourceVersion: "1" } };
  }

  #leaseOf(lease: KubeObject, metadata: object): ApiObject {
    // Frozen by whoever reads it, so it need not be copied.
    return { ...lease, apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata } as unknown as ApiObject;
  }
}

/** A server with the project's kinds and the objects of worlds: made once, since compiling schemas takes longer than a world. */
export class Template {
  readonly #core: ApiServerCore;
  /** By kind and content. */
  readonly #made = new Map<string, ApiObject>();

  constructor(clock: Clock) {
    this.#core = new ApiServerCore({ clock, random: seededRandom(1), autoCreateNamespaces: true });
    installCrds(this.#core);
  }

  get kinds(): readonly Resource[] {
    return this.#core.registry.all().filter((resource) => resource.custom);
  }

  /** The same in every world, whichever comes first. */
  stored(resource: Resource, object: KubeObject): ApiObject {
    const text = `${resource.storage} ${JSON.stringify(object)}`;
    const known = this.#made.get(text);
    if (known !== undefined) return known;
    const { namespace = "", name } = object.metadata;
    const options = { fieldManager: "kubectl", dryRun: true };
    const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
    const created = this.#core.create(resource, namespace, body, options);
    const metadata = {
      ...created.metadata,
      uid: `${resource.plural}-${name}`,
      creationTimestamp: "2025-12-31T00:00:00Z",
    };
    const made = shared<ApiObject>({ ...created, metadata });
    this.#made.set(text, made);
    return made;
  }
}

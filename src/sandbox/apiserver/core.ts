/**
 * The API server without any transport: requests come in as calls, refusals leave as `StatusError`. It keeps no sockets,
 * reads no clock but the injected one, and answers at once, so that tests own time and order.
 *
 * The idea: one generic pipeline (decode, default, track managers, admit, validate, store) over `Resource` descriptions;
 * kinds differ only in their description. Never used in production.
 *
 * Invariant: objects that leave the core are shared and must not be changed; whoever needs to, clones.
 */
import type { Clock } from "../../lib/clock.ts";
import { applyConfig, trackUpdate, type Writer } from "./apply/field-manager.ts";
import { syncLastApplied } from "./apply/last-applied.ts";
import { CORE_KINDS } from "./builtin/core-kinds.ts";
import { EVENT_KINDS } from "./builtin/events.ts";
import { OTHER_KINDS } from "./builtin/other-kinds.ts";
import { checkCrd, CRD_STORAGE, establishCrd, resourcesOfCrd } from "./crd.ts";
import { decodeBuiltin } from "./decode.ts";
import { GarbageCollector } from "./garbage-collector.ts";
import { cloneJson, equalJson, secondsTime, stringAt, type ApiObject } from "./json.ts";
import { listPage, type ListRequest, type Page } from "./list.ts";
import { applyJsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { apiVersionOf, ResourceRegistry, storable, view, type Resource } from "./resource.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  MODIFIED,
  notFound,
  unclassified,
  unsupportedMediaType,
} from "./status-error.ts";
import type {
  AdmissionRequest,
  CoreOptions,
  DeleteRequest,
  PatchRequest,
  Subresource,
  Target,
  WriteContext,
} from "./requests.ts";
import { Store, storeKey, type Change } from "./store.ts";
import { engineOf, forbiddenNulls } from "./validation.ts";
import { WatchSession, type WatchRequest, type WatchSink, type WatchTimings } from "./watch.ts";
import {
  applicable,
  checkDeletable,
  checkNotRecreated,
  checkObject,
  prepareCreate,
  prepareUpdate,
  readBody,
  sameButForTimes,
  withoutEmptyMetadata,
} from "./write-rules.ts";

const DEFAULT_HISTORY = 10_000;
const DEFAULT_WATCH: WatchTimings = { bookmarkIntervalMs: 60_000, defaultTimeoutSeconds: 1_800 };
const INITIAL_NAMESPACES = ["default", "kube-node-lease", "kube-public", "kube-system"];
/** As k8s.io/apiserver/pkg/storage/names: no vowels, no look-alikes. */
const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const UNKNOWN_MANAGER = "unknown";

export class ApiServerCore {
  readonly registry = new ResourceRegistry();
  readonly store: Store;
  readonly #options: CoreOptions;
  readonly #collector: GarbageCollector;
  readonly #watches = new Set<WatchSession>();

  constructor(options: CoreOptions) {
    this.#options = options;
    this.store = options.store ?? new Store({ historyLimit: options.historyLimit ?? DEFAULT_HISTORY });
    for (const resource of [...CORE_KINDS, ...EVENT_KINDS, ...OTHER_KINDS]) this.registry.add(resource);
    for (const crd of this.store.list(CRD_STORAGE)) this.#serve(crd);
    this.store.listen((change) => this.#onChange(change));
    this.#collector = new GarbageCollector(this, options.clock);
    for (const name of INITIAL_NAMESPACES) this.#ensureNamespace(name);
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Ends watches and timers; the core takes no more requests. */
  close(): void {
    this.#collector.stop();
    this.endWatches();
  }

  /** Ends every running watch, as a server does when it stops. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  get(target: Target): ApiObject {
    const found = this.#find(target);
    if (found === undefined) throw notFound(target.resource, target.name);
    return view(target.resource, found);
  }

  exists(target: Target): boolean {
    return this.#find(target) !== undefined;
  }

  list(request: ListRequest): Page {
    return listPage(this.store, request);
  }

  watch(request: WatchRequest, sink: WatchSink): WatchSession {
    const timings = { ...DEFAULT_WATCH, ...this.#options.watchTimings };
    const session: WatchSession = new WatchSession(this.store, this.#options.clock, request, {
      event: (event) => sink.event(event),
      end: () => {
        this.#watches.delete(session);
        sink.end();
      },
    });
    this.#watches.add(session);
    session.start(timings);
    return session;
  }

  /** The client went away. */
  cancelWatch(session: WatchSession): void {
    this.#watches.delete(session);
    session.cancel();
  }

  create(resource: Resource, namespace: string, body: unknown, context: WriteContext = {}): ApiObject {
    const given = readBody(resource, namespace, undefined, body);
    const object = this.#decode(resource, given, context, given);
    return view(resource, this.#insert(resource, namespace, storable(resource, object), context));
  }

  /** PUT. */
  update(target: Target, body: unknown, context: WriteContext = {}): ApiObject {
    const { resource, namespace, name, subresource = "" } = target;
    const given = readBody(resource, namespace, name, body);
    const live = this.#find(target);
    if (live === undefined && (!resource.createOnUpdate || subresource !== "")) throw notFound(resource, name);
    const next = storable(resource, this.#decode(resource, given, context, given));
    if (live !== undefined) {
      return view(resource, this.#replace(target, live, next, context, !resource.unconditionalUpdate));
    }
    checkNotRecreated(resource, name, next.metadata.uid);
    delete next.metadata.resourceVersion;
    return view(resource, this.#insert(resource, namespace, next, context));
  }

  patch(target: Target, patch: PatchRequest, context: WriteContext = {}): ApiObject {
    if (patch.type === "apply") return this.#apply(target, patch.body, patch.force, context);
    const { resource, namespace, name } = target;
    const live = this.#find(target);
    if (live === undefined) throw notFound(resource, name);
    const current = view(resource, live);
    const patched = this.#patched(resource, current, patch.type, patch.body);
    const given = readBody(resource, namespace, name, patched);
    const next = storable(resource, this.#decode(resource, given, context, given));
    return view(resource, this.#replace(target, live, next, context, !resource.unconditionalUpdate));
  }

  /** The removed object, or the object that now waits for its finalizers. */
  delete(
    target: Target,
    request: DeleteRequest = {},
    context: WriteContext = {},
  ): { object: ApiObject; gone: boolean } {
    const { resource, name } = target;
    const live = this.#find(target);
    if (live === undefined) throw notFound(resource, name);
    checkDeletable(resource, live, request.uid, request.resourceVersion);
    this.#admit("DELETE", target, undefined, live, context);
    const waiting = this.#collector.markDeleted(resource, live, request.propagation);
    const gone = (waiting.metadata.finalizers ?? []).length === 0 && !this.#collector.mustTerminate(resource);
    const key = storeKey(target.namespace, name);
    if (context.dryRun === true) return { object: view(resource, waiting), gone };
    if (gone) return { object: view(resource, this.store.remove(resource.storage, key)), gone };
    const stored = equalJson(waiting, live) ? live : this.store.put(resource.storage, key, waiting);
    return { object: view(resource, stored), gone };
  }

  /** The resource under which objects of this storage are kept. */
  storedResource(storage: string): Resource | undefined {
    return this.registry.stored().find((resource) => resource.storage === storage);
  }

  #apply(target: Target, body: unknown, force: boolean, context: WriteContext): ApiObject {
    const { resource, namespace, name } = target;
    const manager = context.fieldManager ?? "";
    if (manager === "") {
      const message = "Required value: is required for apply patch";
      throw invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [
        { reason: "FieldValueRequired", message, field: "fieldManager" },
      ]);
    }
    const given = readBody(resource, namespace, name, body);
    if ((given.metadata.managedFields ?? []).length > 0) throw badRequest("metadata.managedFields must be nil");
    const live = this.#find(target);
    if (live === undefined && target.subresource === "status") throw notFound(resource, name);
    this.#checkDeclared(target, given, context);
    const config = applicable(resource, target.subresource === "status", given);
    const version = config.metadata.resourceVersion ?? "";
    if (live === undefined) checkNotRecreated(resource, name, config.metadata.uid);
    // A real server creates what is missing even when a version is named.
    else if (version !== "" && version !== live.metadata.resourceVersion) throw conflict(resource, name, MODIFIED);
    delete config.metadata.resourceVersion;
    const writer = this.#writer(resource, manager, target.subresource);
    const current = live === undefined ? undefined : view(resource, live);
    const applied = applyConfig(resource.schema, current, config, writer, force);
    const merged = target.subresource === "status" ? applied : syncLastApplied(applied, given, manager);
    const nulls = resource.custom ? forbiddenNulls(resource.schema, merged) : [];
    if (nulls.length > 0) throw invalid(resource, name, nulls);
    const next = storable(
      resource,
      this.#decode(resource, cloneJson(merged), { fieldValidation: "Ignore" }, undefined),
    );
    if (live === undefined) return view(resource, this.#insert(resource, namespace, next, context, true));
    return view(resource, this.#replace(target, live, next, context, false, true));
  }

  /** An applied configuration may name no field that the schema does not know, whatever fieldValidation says. */
  #checkDeclared({ resource, namespace, name }: Target, given: ApiObject, context: WriteContext): void {
    const unknown = engineOf(resource).prune(given);
    const undeclared = unknown.filter((path) => !path.startsWith("metadata."));
    if (undeclared.length > 0) {
      const texts = undeclared.map((path) => `.${path}: field not declared in schema`);
      const list = texts.length === 1 ? texts[0] : `errors:\n${texts.map((text) => `  ${text}`).join("\n")}`;
      const what = `${namespace}/${name}; ${apiVersionOf(resource)}, Kind=${resource.kind}`;
      throw unclassified(`failed to create typed patch object (${what}): ${list}`);
    }
    this.#reportUnknown(unknown, context);
  }

  #insert(resource: Resource, namespace: string, object: ApiObject, context: WriteContext, applied = false): ApiObject {
    this.#checkNamespace(resource, namespace, object);
    const { random, clock } = this.#options;
    const time = secondsTime(clock.wallMs());
    let created = prepareCreate(resource, object, { uid: random.uuid(), time, suffix: this.#suffix() });
    if (resource.storage === CRD_STORAGE && checkCrd(created).length === 0) created = establishCrd(created, time);
    const target = { resource, namespace, name: created.metadata.name };
    const key = storeKey(namespace, created.metadata.name);
    if (this.store.get(resource.storage, key) !== undefined) throw alreadyExists(resource, created.metadata.name);
    if (!applied)
      created = trackUpdate(resource.schema, undefined, created, this.#writer(resource, context.fieldManager));
    this.#admit("CREATE", target, created, undefined, context);
    this.#check(resource, created, undefined);
    return context.dryRun === true ? created : this.store.put(resource.storage, key, created);
  }

  #replace(
    target: Target,
    live: ApiObject,
    next: ApiObject,
    context: WriteContext,
    mustNameVersion: boolean,
    applied = false,
  ): ApiObject {
    const { resource, namespace, name, subresource = "" } = target;
    let prepared = prepareUpdate(resource, live, next, subresource, mustNameVersion);
    if (resource.storage === CRD_STORAGE && checkCrd(prepared).length === 0) {
      prepared = establishCrd(prepared, secondsTime(this.#options.clock.wallMs()));
    }
    if (!applied) {
      prepared = trackUpdate(
        resource.schema,
        live,
        prepared,
        this.#writer(resource, context.fieldManager, subresource),
      );
    }
    if (sameButForTimes(prepared, live)) return live;
    this.#admit("UPDATE", target, prepared, live, context);
    this.#check(resource, prepared, live);
    if (context.dryRun === true) return prepared;
    const key = storeKey(namespace, name);
    const isGone =
      prepared.metadata.deletionTimestamp !== undefined && (prepared.metadata.finalizers ?? []).length === 0;
    const stored = this.store.put(resource.storage, key, prepared);
    return isGone && !this.#collector.mustTerminate(resource) ? this.store.remove(resource.storage, key) : stored;
  }

  #patched(resource: Resource, current: ApiObject, type: "json" | "merge" | "strategic", body: unknown): unknown {
    if (type === "json") return applyJsonPatch(current, body);
    if (type === "merge") return mergePatch(current, body);
    if (!resource.custom) return strategicMergePatch(resource.schema, current, body);
    throw unsupportedMediaType(
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    );
  }

  /** Drops unknown fields, brings built-in kinds to canonical form and fills in defaults. Changes `object`. */
  #decode(resource: Resource, object: ApiObject, context: WriteContext, given: unknown): ApiObject {
    const engine = engineOf(resource);
    const unknown = engine.prune(object);
    if (given !== undefined) this.#reportUnknown(unknown, context);
    const decoded = resource.custom ? object : decodeBuiltin(resource, object);
    const full = engine.withDefaults(withoutEmptyMetadata(decoded));
    resource.normalize?.(full);
    return full;
  }

  #reportUnknown(fields: readonly string[], context: WriteContext): void {
    if (fields.length === 0) return;
    const texts = fields.map((field) => `unknown field "${field}"`);
    if (context.fieldValidation === "Strict") throw badRequest(`strict decoding error: ${texts.join(", ")}`);
    if (context.fieldValidation !== "Ignore") for (const text of texts) context.warn?.(text);
  }

  #check(resource: Resource, object: ApiObject, old: ApiObject | undefined): void {
    if (resource.storage === CRD_STORAGE) {
      const causes = checkCrd(object);
      if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
    }
    checkObject(resource, object, old);
  }

  #admit(
    operation: AdmissionRequest["operation"],
    target: Target,
    object: ApiObject | undefined,
    old: ApiObject | undefined,
    context: WriteContext,
  ): void {
    this.#options.admit?.({ operation, target, object, old, user: context.user, dryRun: context.dryRun === true });
  }

  #writer(resource: Resource, manager: string | undefined, subresource: Subresource = ""): Writer {
    return {
      manager: manager === undefined || manager === "" ? UNKNOWN_MANAGER : manager,
      apiVersion: apiVersionOf(resource),
      subresource,
      separateStatus: resource.hasStatus,
      time: secondsTime(this.#options.clock.wallMs()),
    };
  }

  #find(target: Target): ApiObject | undefined {
    return this.store.get(target.resource.storage, storeKey(target.namespace, target.name));
  }

  #suffix(): string {
    const letter = (): string =>
      SUFFIX_ALPHABET[Math.floor(this.#options.random.next() * SUFFIX_ALPHABET.length)] ?? "x";
    return Array.from({ length: 5 }, letter).join("");
  }

  #checkNamespace(resource: Resource, namespace: string, object: ApiObject): void {
    if (!resource.namespaced) return;
    if (this.#options.autoCreateNamespaces === true) this.#ensureNamespace(namespace);
    const found = this.store.get("namespaces.", storeKey("", namespace));
    if (found === undefined) throw notFound({ group: "", plural: "namespaces" }, namespace);
    if (stringAt(found, "status", "phase") === "Terminating") {
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      throw forbidden(resource, object.metadata.name, why);
    }
  }

  #ensureNamespace(name: string): void {
    const resource = this.registry.find("", "v1", "namespaces");
    if (resource === undefined || this.store.get(resource.storage, storeKey("", name)) !== undefined) return;
    this.create(resource, "", { metadata: { name } }, { fieldManager: "kube-apiserver" });
  }

  #onChange(change: Change): void {
    if (change.storage !== CRD_STORAGE) return;
    if (change.previous !== undefined) {
      for (const resource of resourcesOfCrd(change.previous)) {
        this.registry.remove(resource.group, resource.version, resource.plural);
      }
    }
    if (change.type !== "DELETED") this.#serve(change.object);
  }

  #serve(crd: ApiObject): void {
    for (const resource of resourcesOfCrd(crd)) this.registry.add(resource);
  }
}

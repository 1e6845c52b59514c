/**
 * Faults on demand: rules that match requests and say what goes wrong with them. Transports ask `decide` once per request
 * and carry out the answer; the core itself never fails by chance.
 */
import type { Random } from "../../lib/random.ts";
import { StatusError } from "./status-error.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

/** A request as rules see it. */
export interface RequestFacts {
  readonly verb: Verb;
  readonly group: string;
  /** Plural, as `leases`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly user: string;
  readonly userAgent: string;
}

/** Every given field must match; `userAgent` matches as a prefix. */
export type FaultMatch = Partial<Omit<RequestFacts, "verb">> & { readonly verbs?: readonly Verb[] };

export type FaultAction =
  /** The request waits so long, in milliseconds, before it is carried out. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Refused with this status: 409, 410, 429 (with Retry-After), 500, 503 ... */
  | { readonly kind: "refuse"; readonly status: number; readonly retryAfterSeconds?: number }
  /** The connection breaks before anything happens. */
  | { readonly kind: "cut" }
  /** Carried out, but the connection breaks before the answer. */
  | { readonly kind: "lose-reply" }
  /**
   * Accepted and not answered while the rule stands; removing it lets the waiting requests through, late, as a thawed
   * server would. With `times`, those requests are never answered. Running watches fall silent and catch up afterwards.
   */
  | { readonly kind: "freeze" }
  /** Lists show the state so many versions back. */
  | { readonly kind: "stale-list"; readonly versions: number };

export interface FaultRule {
  readonly match?: FaultMatch;
  readonly action: FaultAction;
  /** Chance per matching request, in (0, 1]; 1 when absent. */
  readonly probability?: number;
  /** The rule goes after so many hits. */
  readonly times?: number;
}

export interface FaultPlan {
  readonly delayMs: number;
  readonly refusal: StatusError | undefined;
  readonly cut: boolean;
  readonly loseReply: boolean;
  /** Settles when the request may go on; may never settle. */
  readonly thawed: Promise<void> | undefined;
  readonly versionsBehind: number | undefined;
}

/** More rules than this are a mistake. */
const MAX_RULES = 1_000;

const REASONS: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

interface Standing {
  readonly id: string;
  readonly rule: FaultRule;
  readonly thawed: PromiseWithResolvers<void>;
  hits: number;
}

export class Faults {
  readonly #random: Random;
  readonly #rules = new Map<string, Standing>();
  readonly #listeners = new Set<() => void>();
  #nextId = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Returns the id by which the rule can be removed. */
  add(rule: FaultRule): string {
    if (this.#rules.size >= MAX_RULES) throw new RangeError(`more than ${MAX_RULES} fault rules`);
    const id = String(this.#nextId++);
    this.#rules.set(id, { id, rule, hits: 0, thawed: Promise.withResolvers() });
    this.#announce();
    return id;
  }

  remove(id: string): boolean {
    const standing = this.#rules.get(id);
    this.#rules.delete(id);
    standing?.thawed.resolve();
    this.#announce();
    return standing !== undefined;
  }

  clear(): void {
    for (const id of this.#rules.keys()) this.remove(id);
  }

  list(): readonly (FaultRule & { readonly id: string; readonly hits: number })[] {
    return [...this.#rules.values()].map(({ id, rule, hits }) => ({ id, hits, ...rule }));
  }

  /** Called whenever rules come or go, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whether a freeze stands for requests like this one; counts no hit. */
  isFrozen(request: RequestFacts): boolean {
    return [...this.#rules.values()].some(({ rule }) => rule.action.kind === "freeze" && matches(rule.match, request));
  }

  decide(request: RequestFacts): FaultPlan {
    const hits = this.#hit(request);
    const actions = hits.map((standing) => standing.rule.action);
    const refused = actions.find((action) => action.kind === "refuse");
    const stale = actions.find((action) => action.kind === "stale-list");
    return {
      delayMs: actions.reduce((sum, action) => sum + (action.kind === "delay" ? action.ms : 0), 0),
      refusal: refused === undefined ? undefined : refusalOf(refused.status, refused.retryAfterSeconds),
      cut: actions.some((action) => action.kind === "cut"),
      loseReply: actions.some((action) => action.kind === "lose-reply"),
      thawed: hits.find((standing) => standing.rule.action.kind === "freeze")?.thawed.promise,
      versionsBehind: stale?.versions,
    };
  }

  #hit(request: RequestFacts): Standing[] {
    const hits: Standing[] = [];
    for (const standing of this.#rules.values()) {
      const { rule } = standing;
      if (!matches(rule.match, request)) continue;
      if (rule.probability !== undefined && this.#random.next() >= rule.probability) continue;
      standing.hits++;
      hits.push(standing);
      if (rule.times !== undefined && standing.hits >= rule.times) this.#rules.delete(standing.id);
    }
    return hits;
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

function matches(match: FaultMatch | undefined, request: RequestFacts): boolean {
  if (match === undefined) return true;
  const { verbs, userAgent, ...exact } = match;
  if (verbs !== undefined && !verbs.includes(request.verb)) return false;
  if (userAgent !== undefined && !request.userAgent.startsWith(userAgent)) return false;
  return Object.entries(exact).every(([field, value]) => request[field as keyof RequestFacts] === value);
}

function refusalOf(status: number, retryAfterSeconds: number | undefined): StatusError {
  const reason = REASONS[status] ?? "Unknown";
  const details = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds };
  return new StatusError(status, reason, `injected fault: ${reason}`, details);
}

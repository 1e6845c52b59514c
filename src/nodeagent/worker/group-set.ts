/**
 * All groups that concern this node, one driver each. A driver appears with the first sight of its group and ends when
 * the group is gone and everything of it is proven down; an object of the same name with another UID is another group.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { keyText, type ObjectKey } from "../../kube/ports.ts";
import type { MemberPromise } from "../guard-protocol.ts";
import { GroupDriver, type GroupDriverModules } from "./group-driver.ts";
import type { GroupEvent } from "./group-state.ts";

/** Groups of one node; more is a broken cluster, not a use of it. */
const MAX_GROUPS = 5_000;

export class GroupSet {
  readonly #node: string;
  readonly #modules: GroupDriverModules;
  readonly #drivers = new Map<string, { readonly key: string; readonly driver: GroupDriver }>();
  readonly #promises = new Map<string, MemberPromise>();
  #session: string | undefined;
  #takeDown: { readonly budgetMs: number } | undefined;

  constructor(node: string, modules: GroupDriverModules) {
    this.#node = node;
    this.#modules = modules;
  }

  get drivers(): GroupDriver[] {
    return [...this.#drivers.values()].map(({ driver }) => driver);
  }

  /** Undefined: there is no such group any more. */
  see(key: ObjectKey, group: FailoverGroup | undefined): void {
    const text = keyText(key);
    const uid = group?.metadata.uid ?? "";
    for (const [otherUid, other] of this.#drivers)
      if (other.key === text && otherUid !== uid) other.driver.dispatch({ type: "gone" });
    this.#removeFinished();
    if (group === undefined) return;
    const known = this.#drivers.get(uid)?.driver;
    if (known !== undefined) return known.see(group);
    if (concerns(group, this.#node) && this.#drivers.size < MAX_GROUPS) this.#add(uid, text, group);
  }

  setSession(session: string | undefined): void {
    this.#session = session;
    if (session !== undefined) this.#takeDown = undefined;
    this.#tellAll({ type: "session", session });
  }

  takeDown(budgetMs: number): void {
    this.#takeDown = { budgetMs };
    this.#tellAll({ type: "takeDown", budgetMs });
  }

  /** Kept until the group is seen: the guard tells it once. */
  setPromise(groupUid: string, promise: MemberPromise): void {
    this.#promises.set(groupUid, promise);
    this.#drivers.get(groupUid)?.driver.dispatch({ type: "promised", promise });
  }

  /** Something local changed: whoever has parts of this kind looks again. */
  changed(kind: "address" | "probe-port"): void {
    this.#tellAll({ type: "changed", kind });
  }

  /** A MirrorDisk has changed: its group, if it is here, looks at it. */
  diskChanged(key: ObjectKey): void {
    for (const driver of this.drivers) driver.diskChanged(key);
  }

  replan(): void {
    for (const driver of this.drivers) driver.replan();
  }

  #add(uid: string, key: string, group: FailoverGroup): void {
    const driver = new GroupDriver(group, this.#node, this.#modules);
    this.#drivers.set(uid, { key, driver });
    driver.dispatch({ type: "session", session: this.#session });
    const promise = this.#promises.get(uid);
    if (promise !== undefined) driver.dispatch({ type: "promised", promise });
    if (this.#takeDown !== undefined) driver.dispatch({ type: "takeDown", budgetMs: this.#takeDown.budgetMs });
    driver.see(group);
  }

  #tellAll(event: GroupEvent): void {
    for (const driver of this.drivers) driver.dispatch(event);
    this.#removeFinished();
  }

  #removeFinished(): void {
    for (const [uid, { driver }] of this.#drivers) {
      if (!driver.isFinished) continue;
      driver.close();
      this.#drivers.delete(uid);
      this.#promises.delete(uid);
    }
  }
}

/** The group names this node as a member, or its status still does. */
export function concerns(group: FailoverGroup, node: string): boolean {
  const isMember = group.spec.members.some((member) => member.node === node);
  const isReporter =
    group.status?.reports?.some((report) => report.node === node && report.state !== "Inactive") === true;
  return isMember || isReporter || group.status?.active?.node === node;
}

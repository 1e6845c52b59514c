/**
 * InternalIPs of the Nodes that matter here: this one and the other members of its groups. Read one by one and seldom;
 * a watch on all Nodes of a large cluster would cost every agent memory and traffic for nothing.
 */
import type { KubeApi, KubeObject, ResourceType } from "../../kube/ports.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseIpv4 } from "../../lib/ipv4.ts";
import type { Logger } from "../../lib/log.ts";

export const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

/** As much of a Node as is needed here. */
export interface NodeObject extends KubeObject {
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** A Node's address is read again after so long, or so soon after a failure, in milliseconds. */
const REFRESH_MS = 60_000;
const RETRY_MS = 2_000;

export class NodeAddresses {
  readonly #modules: { readonly api: KubeApi; readonly clock: Clock; readonly log: Logger };
  readonly #onChange: () => void;
  readonly #known = new Map<string, string>();
  #wanted: ReadonlySet<string> = new Set();
  #timer: Timer | undefined;
  #isReading = false;
  #isClosed = false;

  constructor(modules: { readonly api: KubeApi; readonly clock: Clock; readonly log: Logger }, onChange: () => void) {
    this.#modules = modules;
    this.#onChange = onChange;
  }

  get(node: string): string | undefined {
    return this.#known.get(node);
  }

  /** From now on these are kept up to date, and no others. */
  want(nodes: ReadonlySet<string>): void {
    const isNew = [...nodes].some((node) => !this.#wanted.has(node));
    this.#wanted = nodes;
    for (const node of this.#known.keys()) if (!nodes.has(node)) this.#known.delete(node);
    if (isNew) void this.#refresh();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #refresh(): Promise<void> {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#timer?.cancel();
    const asked = this.#wanted;
    const answers = await Promise.all([...asked].map((node) => this.#read(node)));
    this.#isReading = false;
    if (this.#isClosed) return;
    const isComplete = asked === this.#wanted && answers.every(Boolean);
    this.#timer = this.#modules.clock.setTimer(isComplete ? REFRESH_MS : RETRY_MS, () => void this.#refresh());
  }

  /** False: look again soon. */
  async #read(node: string): Promise<boolean> {
    try {
      const found = await this.#modules.api.get<NodeObject>(NODE, { namespace: "", name: node });
      const address = internalAddress(found);
      if (address === undefined) return false;
      if (this.#known.get(node) === address) return true;
      this.#known.set(node, address);
      this.#onChange();
      return true;
    } catch (thrown) {
      this.#modules.log.debug("a node cannot be read", { node, error: messageOf(thrown) });
      return false;
    }
  }
}

/** The first IPv4 InternalIP. */
export function internalAddress(node: NodeObject | undefined): string | undefined {
  return node?.status?.addresses?.find(({ type, address }) => type === "InternalIP" && parseIpv4(address) !== undefined)
    ?.address;
}

/** The other guards as this one sees them: heartbeats and promises over one authenticated channel. */
import type { Timings } from "../../api/timings.ts";
import { revokeWaitMs } from "../../api/timings.ts";
import { PeerChannel, type PeerChannelModules } from "../heartbeat/peer-channel.ts";
import type { DelayWarnings } from "../delays/delays.ts";
import type { DenyReason, GrantRef, PeerRef } from "../guard-protocol.ts";
import type { Guard, GuardPeers } from "./guard.ts";
import { Promises } from "./promises.ts";
import { bootWaitMs, type LoadedPromises, type PromiseStore } from "./promise-store.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";

export interface PromisingPeersOptions {
  readonly node: string;
  readonly namespace: string;
  readonly lifeId: string;
  readonly timings: Timings;
  readonly rules: SafetyRules;
  /** As `store.load` gave them. */
  readonly loaded: LoadedPromises;
  /** The longest that a promise of an earlier life, before the machine booted, may bind, in milliseconds; absent: by `timings`. */
  readonly longestPromiseMs?: number;
  /** How long the machine has been up, in milliseconds; 0 when it cannot be told. */
  readonly uptimeMs: number;
}

export interface PromisingPeersModules extends PeerChannelModules {
  readonly store: PromiseStore;
  /** Absent: nobody is warned. */
  readonly delays?: DelayWarnings | undefined;
}

export class PromisingPeers implements GuardPeers {
  readonly #store: PromiseStore;
  readonly #loaded: LoadedPromises;
  /** How long from its start this node activates nothing, in milliseconds. */
  readonly bootWaitMs: number;
  readonly #channel: PeerChannel;
  readonly #promises: Promises;

  /** `guard` is asked from the first event of `start` on. */
  constructor(options: PromisingPeersOptions, modules: PromisingPeersModules, guard: () => Guard) {
    const { loaded, uptimeMs, timings, longestPromiseMs = revokeWaitMs(timings) } = options;
    this.#store = modules.store;
    this.#loaded = loaded;
    this.bootWaitMs = bootWaitMs(loaded, longestPromiseMs, uptimeMs);
    this.#channel = new PeerChannel(options, modules, {
      onLiveness: ({ alive, lost }) => guard().tellWorker({ type: "peers", alive, lost }),
      onHeard: (node, senderSession) => {
        modules.delays?.heard(node, timings.heartbeatLostAfterMs);
        this.#promises.heard(node, senderSession);
      },
      onPause: (pauseMs) => {
        this.#promises.pauseFound();
        guard().pauseFound(pauseMs);
      },
      onPromise: (node, senderSession, payload) => this.#promises.received(node, senderSession, payload),
    });
    this.#promises = new Promises({ ...options, records: loaded.records, bootWaitMs: this.bootWaitMs }, modules, {
      context: () => ({ ...guard().promiseContext, isPeer: (node) => this.#channel.state.peers.has(node) }),
      send: (node, payload) => void this.#channel.sendPromise(node, payload),
      sendToAll: (payload) => {
        for (const node of this.#channel.state.peers.keys()) this.#channel.sendPromise(node, payload);
      },
      roundComplete: (askedAt) => guard().promiseRound(askedAt),
      report: (groupUid, promise) => guard().tellWorker({ type: "promise", groupUid, promise }),
    });
  }

  /** Before the guard runs. The first record of a boot says that this boot forgets nothing from now on. */
  async start(): Promise<void> {
    if (!this.#loaded.isOfThisBoot) await this.#store.write(this.#loaded.records);
    this.#promises.start();
  }

  setPeers(peers: readonly PeerRef[]): void {
    this.#channel.setPeers(peers);
  }

  sessionHeld(session: string): void {
    this.#channel.sessionHeld(session);
  }

  isPromised(groupUid: string): boolean {
    return this.#promises.isPromised(groupUid);
  }

  mustAsk(grant: GrantRef, members: readonly string[]): DenyReason | undefined {
    return this.#promises.mustAsk(grant, members);
  }

  changeTimings(timings: Timings): void {
    this.#promises.changeTimings(timings);
  }

  down(grant: GrantRef): void {
    this.#promises.down(grant);
  }

  workerReady(): void {
    this.#promises.reportAll();
  }

  close(): void {
    this.#promises.close();
    this.#channel.close();
  }
}

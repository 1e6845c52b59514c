/**
 * No ARP about addresses of the loopback, by the two settings that Linux Virtual Server documents for its real servers
 * ("Using arp_announce/arp_ignore to disable ARP"; kernel documentation, ip-sysctl):
 *
 *   all/arp_ignore   >= 1: a request is answered only for an address of the interface that it came in on
 *   all/arp_announce >= 2: a request is sent with an address of the interface that it leaves by
 *
 * The kernel uses the larger of `all` and the interface's own value, so `all` alone decides. What was there before is
 * written down durably first and put back when the last address has gone, also by the next life of a killed worker.
 *
 * Must never do: lower a setting that somebody has made stricter, or put back over somebody's later change.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { AddressError, type ArpSilence } from "../address/port.ts";
import { Turns } from "./turns.ts";

/** Least values, by setting. */
const LEAST = { arp_ignore: 1, arp_announce: 2 } as const;

type Setting = keyof typeof LEAST;
type Values = Readonly<Record<Setting, number>>;

const SETTINGS: readonly Setting[] = ["arp_ignore", "arp_announce"];

export const ARP_SETTINGS_FOLDER = "/proc/sys/net/ipv4/conf/all";

/** One small text, replaced as a whole. */
export interface RecordFile {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

export interface LinuxArpSilenceOptions {
  /** A fresh boot has settings of its own: what an earlier one found is forgotten. */
  readonly bootId: string;
  /** Default `ARP_SETTINGS_FOLDER`. */
  readonly folder?: string;
}

export class LinuxArpSilence implements ArpSilence {
  readonly #folder: string;
  readonly #bootId: string;
  readonly #record: RecordFile;
  readonly #log: Logger;
  readonly #kept = new Set<string>();
  /** One change of the settings at a time. */
  readonly #turns = new Turns(1);

  constructor(options: LinuxArpSilenceOptions, modules: { readonly record: RecordFile; readonly log: Logger }) {
    this.#folder = options.folder ?? ARP_SETTINGS_FOLDER;
    this.#bootId = options.bootId;
    this.#record = modules.record;
    this.#log = modules.log;
  }

  keep(address: string): Promise<void> {
    return this.#turns.run(async () => {
      this.#kept.add(address);
      const found = await this.#read();
      const wanted = atLeast(found);
      if (isSame(found, wanted)) return;
      if ((await this.#recorded()) === undefined)
        await this.#record.write(JSON.stringify({ bootId: this.#bootId, before: found }));
      await this.#write(wanted);
      const now = await this.#read();
      if (!isSame(now, atLeast(now))) throw refused("they were not taken over");
    });
  }

  async isKept(): Promise<boolean> {
    const found = await this.#read();
    return isSame(found, atLeast(found));
  }

  end(address: string): Promise<void> {
    this.#kept.delete(address);
    return this.restore();
  }

  /** Also for what an earlier life left, once nothing of it is up. */
  restore(): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#kept.size > 0) return;
      try {
        const before = await this.#recorded();
        if (before === undefined) return;
        if (isSame(await this.#read(), atLeast(before))) await this.#write(before);
        await this.#record.write("");
      } catch (thrown) {
        this.#log.warn("the ARP settings could not be put back", { error: messageOf(thrown) });
      }
    });
  }

  async #read(): Promise<Values> {
    try {
      const [ignore, announce] = await Promise.all(SETTINGS.map((name) => readFile(join(this.#folder, name), "utf8")));
      return { arp_ignore: Number(ignore), arp_announce: Number(announce) };
    } catch (thrown) {
      throw refused(messageOf(thrown), thrown);
    }
  }

  async #write(values: Values): Promise<void> {
    try {
      for (const name of SETTINGS) await writeFile(join(this.#folder, name), `${values[name]}\n`);
    } catch (thrown) {
      throw refused(messageOf(thrown), thrown);
    }
  }

  /** What was there before us, in this boot. */
  async #recorded(): Promise<Values | undefined> {
    const text = await this.#record.read();
    if (text === undefined || text === "") return undefined;
    const { bootId, before } = JSON.parse(text) as { bootId?: string; before?: Partial<Values> };
    const { arp_ignore: ignore, arp_announce: announce } = before ?? {};
    if (bootId !== this.#bootId || ignore === undefined || announce === undefined) return undefined;
    return { arp_ignore: ignore, arp_announce: announce };
  }
}

function atLeast(found: Values): Values {
  return {
    arp_ignore: Math.max(found.arp_ignore, LEAST.arp_ignore),
    arp_announce: Math.max(found.arp_announce, LEAST.arp_announce),
  };
}

function isSame(left: Values, right: Values): boolean {
  return SETTINGS.every((name) => left[name] === right[name]);
}

function refused(why: string, cause?: unknown): AddressError {
  return new AddressError(
    { code: "Refused", interface: "lo", address: "" },
    `net.ipv4.conf.all.arp_ignore = 1 and arp_announce = 2 cannot be set, so neighbours would learn the frontend address from this node: ${why}. Set them on the node, or let the agent write /proc/sys`,
    cause,
  );
}

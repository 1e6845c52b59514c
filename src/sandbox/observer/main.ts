/**
 * One observer process per machine, in the machine's network namespace but no part of it (it outlives crashes and
 * asks past the network, so that a machine that was cut off is seen as well). Every 5 ms: is the address here, and if
 * so, does this very machine answer at it? Samples go out as lines of JSON, `[[sentMs, activeAtMs|null], ...]`.
 * `node observer/main.ts NODE (namespace|always|FILE) ADDRESS HOST PORT`; FILE is the list of held addresses in loopback
 * mode, `always` leaves the proof to the service alone, where clients come to the machine's own address.
 */
import { readFileSync } from "node:fs";
import { systemClock } from "../../host/system-clock.ts";
import { probe } from "../client/probe.ts";
import { holdsInFile } from "../loopback/file-interface.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { holdsLocalAddress } from "./address-presence.ts";

const SAMPLE_INTERVAL_MS = 5;
const FLUSH_INTERVAL_MS = 100;
/** A machine that has not answered by then does not serve. */
const PROBE_TIMEOUT_MS = 250;
/** Beyond this many unanswered probes, only the address is looked for. */
const MAX_PROBES_IN_FLIGHT = 60;

const [node = "", source = "namespace", address = "", host = "", port = ""] = process.argv.slice(2);
const target = { host, port: Number(port) };

class Observer {
  #finished: (readonly [number, number | null])[] = [];
  #inFlight = 0;

  async sample(): Promise<void> {
    const sentMs = machineMonotonicMs();
    const activeAtMs = addressIsHere() && this.#inFlight < MAX_PROBES_IN_FLIGHT ? await this.#ask() : undefined;
    this.#finished.push([sentMs, activeAtMs ?? null]);
  }

  /** When this machine answered, if the address is still here now that it has. */
  async #ask(): Promise<number | undefined> {
    this.#inFlight += 1;
    const answer = await probe(target, PROBE_TIMEOUT_MS, systemClock);
    this.#inFlight -= 1;
    return answer?.name === node && addressIsHere() ? answer.atMs : undefined;
  }

  flush(): void {
    process.stdout.write(`${JSON.stringify(this.#finished)}\n`);
    this.#finished = [];
  }
}

function addressIsHere(): boolean {
  if (source === "always") return true;
  if (source === "namespace") return holdsLocalAddress(readFileSync("/proc/self/net/fib_trie", "utf8"), address);
  return holdsInFile(source, address);
}

const observer = new Observer();
process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.on("error", () => process.exit(0));
setInterval(() => void observer.sample(), SAMPLE_INTERVAL_MS);
setInterval(() => observer.flush(), FLUSH_INTERVAL_MS);

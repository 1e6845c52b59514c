/**
 * One observer process per machine, in the machine's network namespace but no part of it (it outlives crashes and
 * asks past the network, so that a machine that was cut off is seen as well). Every 5 ms: is the address here, and if
 * so, does this very machine answer at it? Samples go out as lines of JSON, `[[sentMs, doneMs, holds, answered], ...]`.
 * `node observer/main.ts NODE (namespace|FILE) ADDRESS HOST PORT`; FILE is the list of held addresses in loopback mode.
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
let finished: (readonly [number, number, boolean, boolean])[] = [];
let inFlight = 0;

function addressIsHere(): boolean {
  if (source === "namespace") return holdsLocalAddress(readFileSync("/proc/self/net/fib_trie", "utf8"), address);
  return holdsInFile(source, address);
}

async function sample(): Promise<void> {
  const sentMs = machineMonotonicMs();
  if (!addressIsHere() || inFlight >= MAX_PROBES_IN_FLIGHT) {
    finished.push([sentMs, sentMs, false, false]);
    return;
  }
  inFlight += 1;
  const answeredBy = await probe(target, PROBE_TIMEOUT_MS, systemClock);
  inFlight -= 1;
  finished.push([sentMs, machineMonotonicMs(), true, answeredBy === node]);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.on("error", () => process.exit(0));
setInterval(() => void sample(), SAMPLE_INTERVAL_MS);
setInterval(() => {
  process.stdout.write(`${JSON.stringify(finished)}\n`);
  finished = [];
}, FLUSH_INTERVAL_MS);

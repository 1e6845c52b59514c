/**
 * The client process: a request to one address every 20 ms, each on a fresh connection, one line of JSON
 * `[sentMs, answeredBy|null]` per finished request. Ends with its standard input, so that it never outlives the
 * sandbox. `node client/main.ts HOST PORT INTERVAL_MS TIMEOUT_MS`
 */
import { systemClock } from "../../host/system-clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { probe } from "./probe.ts";

const [host = "", port = "", intervalMs = "20", timeoutMs = "100"] = process.argv.slice(2);
const target = { host, port: Number(port) };

async function ask(): Promise<void> {
  const sentMs = machineMonotonicMs();
  const answer = await probe(target, Number(timeoutMs), systemClock);
  process.stdout.write(`${JSON.stringify([sentMs, answer?.name ?? null])}\n`);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.on("error", () => process.exit(0));
setInterval(() => void ask(), Number(intervalMs));

/**
 * The client process: a request every 20 ms, each on a fresh connection, one line of JSON `[sentMs, answeredBy|null]` per
 * finished request. It asks one address, or a name that it resolves as its site would. Ends with its standard input, so
 * that it never outlives the sandbox. `node client/main.ts HOST|NAME PORT INTERVAL_MS TIMEOUT_MS [RESOLVER:PORT,...]`
 */
import { Resolver } from "node:dns/promises";
import { systemClock } from "../../host/system-clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { NameCache } from "./name-cache.ts";
import { probe } from "./probe.ts";

/** How long one resolver may take before the next is asked, in ms. */
const LOOK_UP_MS = 200;

const [host = "", port = "", intervalMs = "20", timeoutMs = "100", resolvers = ""] = process.argv.slice(2);
const names = resolvers === "" ? undefined : cacheOf(host, resolvers.split(","));

function cacheOf(name: string, servers: readonly string[]): NameCache {
  const resolver = new Resolver({ timeout: LOOK_UP_MS, tries: 1 });
  resolver.setServers(servers);
  const lookUp = async () => {
    const [first] = await resolver.resolve4(name.replace(/\.$/, ""), { ttl: true });
    if (first === undefined) throw new Error(`${name} has no address`);
    return first;
  };
  return new NameCache(lookUp, { clock: systemClock });
}

async function ask(): Promise<void> {
  const sentMs = machineMonotonicMs();
  const address = names === undefined ? host : await names.address();
  const answer =
    address === undefined
      ? undefined
      : await probe({ host: address, port: Number(port) }, Number(timeoutMs), systemClock);
  process.stdout.write(`${JSON.stringify([sentMs, answer?.name ?? null])}\n`);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.on("error", () => process.exit(0));
setInterval(() => void ask(), Number(intervalMs));

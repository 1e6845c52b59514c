/**
 * `npm run bench [-- --runs N] [-- --only footprint|outage|grants|calls]`: memory, start-up, outage and cloud call figures as one JSON object. Figures of the
 * processes come from the bundle that the image ships; outages from the demo. Medians; the machine's noise is visible in `all`.
 */
import { spawnSync } from "node:child_process";
import { measureCalls } from "./calls.ts";
import { measureFootprint } from "./footprint.ts";
import { measureGrants } from "./grants.ts";
import { measureOutages } from "./outage.ts";

const argv = process.argv.slice(2);
const runs = Number(argv[argv.indexOf("--runs") + 1] ?? Number.NaN);
const only = argv.includes("--only") ? argv[argv.indexOf("--only") + 1] : undefined;
const repeat = argv.includes("--runs") && Number.isInteger(runs) && runs > 0 ? runs : 5;

/** One after the other: they share the machine. */
async function measureAllGrants(): Promise<Awaited<ReturnType<typeof measureGrants>>[]> {
  const figures: Awaited<ReturnType<typeof measureGrants>>[] = [];
  for (const groups of [1, 100, 1_000]) figures.push(await measureGrants(groups));
  return figures;
}

const built = spawnSync(process.execPath, ["scripts/build.ts"], { stdio: ["ignore", "ignore", "inherit"] });
if (built.status !== 0) process.exit(1);
const figures = {
  ...(only === undefined || only === "footprint" ? { footprint: await measureFootprint(repeat) } : {}),
  ...(only === undefined || only === "outage" ? { outage: measureOutages(repeat) } : {}),
  ...(only === undefined || only === "calls" ? { calls: await measureCalls() } : {}),
  ...(only === undefined || only === "grants" ? { grants: await measureAllGrants() } : {}),
};
console.log(JSON.stringify(figures, null, 2));

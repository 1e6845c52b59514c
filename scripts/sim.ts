/**
 * `npm run sim`: whole installations under simulated clocks, networks, API servers and clouds, one life per seed.
 *
 *   npm run sim -- --seeds N [--start S]   N lives from seed S (200 from 1)
 *   npm run sim -- --seed X [--trace]      one life, and what happened in it
 *   npm run sim -- --json                  the result as one line of JSON
 *   npm run sim -- --theme NAME            only lives that follow this theme
 *   npm run sim -- --shrink --seed X       leaves out what the failure of this seed does not need
 *   npm run sim -- --break RULE ...        one safety rule off; ends at the first life that catches it (all: each in turn)
 *   npm run sim -- --jobs J                so many processes (the number of processors)
 *
 * Exits 0 when nothing was violated (with --break: when it was caught), 1 otherwise, 2 on wrong usage.
 */
import { runSimulation } from "../test/sim/cli.ts";

process.exitCode = await runSimulation(process.argv.slice(2));

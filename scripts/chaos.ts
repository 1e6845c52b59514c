/**
 * `npm run chaos -- --minutes M [--seed S] [--json]`: the sandbox under random faults, with real processes. See
 * `npm run chaos -- --help` and docs/design/exclusivity.md, section "Chaos".
 */
import { runChaos } from "../src/sandbox/chaos/main.ts";

process.exitCode = await runChaos(process.argv.slice(2));

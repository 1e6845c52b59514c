/** `understudy sandbox`: the virtual cloud, its scenarios and the demo. */
import { launchAll } from "./launcher/launch-all.ts";
import { launch } from "./launcher/launch.ts";
import { parseSandboxOptions, USAGE } from "./options.ts";

const WRONG_USAGE = 2;

/** Resolves to the process's exit code (see `USAGE`). */
export async function runSandbox(argv: readonly string[]): Promise<number> {
  const options = parseSandboxOptions(argv);
  if (options === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if ("wrong" in options) {
    process.stderr.write(`sandbox: ${options.wrong}\n\n${USAGE}`);
    return WRONG_USAGE;
  }
  return options.all === true ? launchAll(options) : (await launch(options)).code;
}

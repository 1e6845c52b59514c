/**
 * Which programs a group may run on the host: those under an allowed directory that only root can change. Whoever may
 * write a FailoverGroup chooses among them and can do no more (API.md 2, `exec.directories`).
 *
 * The file that will run is judged, not its name: symbolic links are resolved first, and every folder between the
 * allowed directory and the file must be as safe as the file. Without root, "root" means the agent's own user.
 */
import { lstat, realpath } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { CommandError } from "../command/port.ts";

export interface CommandPolicyOptions {
  /** Absolute paths on the host. */
  readonly directories: readonly string[];
  /** Where the host's file system is seen; empty for `/`. */
  readonly hostRoot: string;
  /** The only owner accepted: 0, or the agent's own user when it does not run as root. */
  readonly ownerId: number;
}

/** Writable by group or by others. */
const WRITABLE_BY_OTHERS = 0o022;

/** The real path to run for `program`. Throws `CommandError` (`CommandNotAllowed`). */
export async function allowedProgram(program: string, options: CommandPolicyOptions): Promise<string> {
  if (!program.startsWith("/") || normalize(program) !== program || program.includes("\0"))
    throw refused(program, "must be an absolute path without . and ..");
  const directory = options.directories.find((allowed) => isInside(program, normalize(allowed)));
  if (directory === undefined) throw refused(program, `is not under ${options.directories.join(" or ")}`);
  const [realDirectory, realFile] = await resolveBoth(program, directory, options.hostRoot);
  if (!isInside(realFile, realDirectory))
    throw refused(program, `is a link that leads out of ${directory}, to ${realFile}`);
  for (let path = realFile; ; path = dirname(path)) {
    await refuseUnsafe(program, path, options.ownerId);
    if (path === realDirectory) return realFile;
  }
}

async function resolveBoth(program: string, directory: string, hostRoot: string): Promise<[string, string]> {
  try {
    return await Promise.all([realpath(join(hostRoot, directory)), realpath(join(hostRoot, program))]);
  } catch (thrown) {
    throw refused(program, "does not exist or cannot be read", thrown);
  }
}

async function refuseUnsafe(program: string, path: string, ownerId: number): Promise<void> {
  const facts = await lstat(path);
  if (facts.uid !== ownerId) throw refused(program, `${path} belongs to user ${facts.uid}, not ${ownerId}`);
  if ((facts.mode & WRITABLE_BY_OTHERS) !== 0)
    throw refused(program, `${path} can be written by others than its owner`);
}

function isInside(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}

function refused(program: string, why: string, cause?: unknown): CommandError {
  return new CommandError({ code: "CommandNotAllowed", program }, `command ${program} ${why}`, cause);
}

/**
 * The files of one virtual machine: its root (what `--host-root` of the agent points at), its volatile state and its
 * watchdog. What a real machine keeps in memory (`/run`, `/proc`) is wiped whenever it boots.
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface VmFiles {
  readonly directory: string;
  readonly root: string;
  /** The agent's state directory: volatile, as `/run` is. */
  readonly stateDirectory: string;
  readonly watchdog: string;
  readonly watchdogSysfs: string;
  readonly agentLog: string;
}

const PROGRAMS = fileURLToPath(new URL("files", import.meta.url));

export function vmFiles(directory: string): VmFiles {
  return {
    directory,
    root: join(directory, "root"),
    stateDirectory: join(directory, "run"),
    watchdog: join(directory, "watchdog"),
    watchdogSysfs: join(directory, "watchdog-sys"),
    agentLog: join(directory, "agent.log"),
  };
}

/** What the demo service of a machine needs to know. */
export interface ServiceSettings {
  readonly node: string;
  /** Address it binds to: the virtual IP, or the machine's own where it cannot have that (loopback mode). */
  readonly address: string;
  readonly port: number;
  /** `NAME=value` of the marker that tells whose process it is. */
  readonly marker: string;
  /** The Node binary to run it with. */
  readonly nodePath: string;
  /** Name servers of the machine's own resolver; omitted: it has none. */
  readonly nameServers?: readonly string[];
}

/** Installs a machine's disk: once. */
export function installVm(files: VmFiles, service: ServiceSettings, watchdogTimeoutMs: number): void {
  const programs = join(files.root, "etc/understudy/exec.d");
  mkdirSync(programs, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(PROGRAMS)) {
    copyFileSync(join(PROGRAMS, name), join(programs, name));
    // Whatever the umask of the checkout was: the agent runs only what nobody but the owner can change.
    chmodSync(join(programs, name), 0o755);
  }
  const settings = {
    NODE_NAME: service.node,
    ADDRESS: service.address,
    PORT: service.port,
    NODE_BIN: service.nodePath,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(join(programs, "app.conf"), `${lines.join("")}export ${service.marker}\n`);
  const nameServers = (service.nameServers ?? []).map((address) => `nameserver ${address}\n`);
  writeFileSync(join(files.root, "etc/resolv.conf"), nameServers.join(""));
  mkdirSync(files.watchdogSysfs, { recursive: true });
  writeFileSync(join(files.watchdogSysfs, "timeout"), `${watchdogTimeoutMs / 1_000}\n`);
  wipeVolatile(files, "00000000-0000-0000-0000-000000000000");
}

/** What `shutdown` of systemd leaves for everybody to see (https://systemd.io/INHIBITOR_LOCKS/). */
export function announceShutdown(files: VmFiles, nowMs: number): void {
  const directory = join(files.root, "run/systemd/shutdown");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "scheduled"), `USEC=${Math.round(nowMs * 1_000)}\nWARN_WALL=1\nMODE=poweroff\n`);
}

/** What a boot does to files: everything that lives in memory is gone, the boot id is new. */
export function wipeVolatile(files: VmFiles, bootId: string): void {
  for (const directory of [files.stateDirectory, join(files.root, "run")]) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  }
  const kernel = join(files.root, "proc/sys/kernel/random");
  mkdirSync(kernel, { recursive: true });
  writeFileSync(join(kernel, "boot_id"), `${bootId}\n`);
}

/**
 * Letting the sandbox run before whatever else is busy on this machine, where it may (as root). A virtual machine has
 * processors of its own, and an observer that looks late is blind; without this, the figures say more about the other
 * work here than about the product. Nothing outside the sandbox is changed.
 */
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Nice values: what measures runs before what is measured. */
export const SANDBOX_PRIORITY = -5;
export const MEASURING_PRIORITY = -10;

/** For the leader of a session: Linux weighs sessions against each other first (sched(7), "The autogroup feature"). */
export function raisePriority(pid: number | undefined, nice: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, nice);
    writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    return; // not root, no autogroups, or gone already
  }
}

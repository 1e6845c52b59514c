/** The one pretended interface of the agent's file-backed addresses (`--address-backend file`), as EC2 sees it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { VmFiles } from "../vm/vm-files.ts";

/** Of the pretended interface: the emulated ENIs carry it as well, so that the interface is found by it. */
export const macOfAnyInterface = "00:00:00:00:00:00";

/** The list of addresses that the machine holds. */
export function heldAddressesFile(files: VmFiles): string {
  return join(files.stateDirectory, "addresses.json");
}

/** Whether the machine holds the address now; a missing file holds none. */
export function holdsInFile(file: string, address: string): boolean {
  try {
    return readFileSync(file, "utf8").includes(`"${address}"`);
  } catch {
    return false;
  }
}

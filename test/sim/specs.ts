/** Parts of the specs that every simulated installation has alike. */
import { APP } from "./host/commands.ts";

export const DEVICES = { dataDevice: "/dev/disk/by-id/data", metadataDevice: "/dev/disk/by-id/meta" };
export const ISOLATION = {
  targets: [{ http: { url: "https://witness.example/" } }],
  interval: "1s",
  timeout: "500ms",
  retries: 0,
};
export const FENCING = {
  policy: "Required",
  awsStopInstance: { shutdown: "Skip" },
  timeout: "20s",
  afterwards: "Start",
};

export function execOf(): object {
  return {
    start: { command: [APP, "start"] },
    stop: { command: [APP, "stop"] },
    monitor: { command: [APP, "status"] },
  };
}

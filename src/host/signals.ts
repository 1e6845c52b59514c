/** How a process is asked to end. The second request is for somebody who does not want to wait for the first. */
import process from "node:process";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
export type EndSignal = (typeof SIGNALS)[number];

/** Resolves with the first SIGTERM or SIGINT; a second one then ends the process at once, as if nobody listened. */
export function untilAskedToEnd(): Promise<EndSignal> {
  return new Promise((resolve) => {
    const listeners = SIGNALS.map((signal) => {
      const listener = (): void => {
        for (const [other, remove] of listeners) process.removeListener(other, remove);
        resolve(signal);
      };
      process.on(signal, listener);
      return [signal, listener] as const;
    });
  });
}

/**
 * One TCP probe: the three-way handshake is the answer; then the connection is closed in order, as Azure's probe does
 * ("TCP probe": three-way open, four-way close). A refusal, a reset or silence is a failure.
 */
import { connect } from "node:net";
import type { Clock } from "../../lib/clock.ts";

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  /** Address that the probe comes from; omitted: whatever leads there. */
  readonly from?: string;
}

/** Never rejects; false after `timeoutMs` at the latest. */
export function tcpProbe({ host, port, from }: ProbeTarget, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
    const timer = clock.setTimer(timeoutMs, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("connect", () => {
      timer.cancel();
      socket.end();
      resolve(true);
    });
    socket.on("error", () => {
      timer.cancel();
      resolve(false);
    });
  });
}

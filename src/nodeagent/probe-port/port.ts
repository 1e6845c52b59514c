/** The listening side of TCP behind a port: what a load balancer probes, and what else listens on the node. */
import { CodedError } from "../../lib/errors.ts";

export type ListenerErrorDetail =
  | { readonly code: "PortInUse"; readonly port: number }
  /** Not allowed, no such local address, or out of descriptors. */
  | { readonly code: "CannotListen"; readonly port: number };

export class ListenerError extends CodedError<ListenerErrorDetail> {
  override readonly name = "ListenerError";
}

export interface OpenListener {
  readonly port: number;
  /** False once it was closed or the kernel took it away. */
  isOpen(): boolean;
  /** When this returns the port refuses connections and every connection that was open has been reset. Idempotent. */
  close(): void;
}

export interface ListenerPort {
  /**
   * Accepts from `sourceRanges` (empty: from anybody) and holds each connection until the other side ends it, a bounded
   * time at most: some load balancers count a reset as a failed probe. Others are reset at once. Throws `ListenerError`.
   */
  open(request: {
    readonly port: number;
    readonly sourceRanges: readonly string[];
    readonly onLost: () => void;
  }): Promise<OpenListener>;
  /** Those of `ports` on which any process of this node listens, ours included. */
  listening(ports: readonly number[]): Promise<readonly number[]>;
}

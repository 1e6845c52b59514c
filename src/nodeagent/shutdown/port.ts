/**
 * Whether this machine itself goes down (console, cloud, `poweroff`), as opposed to the agent alone (an upgrade). The
 * difference decides what follows: a machine that goes down gives its groups up at once; an agent that comes back keeps
 * them for as long as its session would have lasted.
 */
export interface SystemState {
  /** Right now. Undefined: it cannot be told. Ends within `timeoutMs`, never throws. */
  isGoingDown(timeoutMs: number): Promise<boolean | undefined>;
  /**
   * Calls `onGoingDown` once, as soon as a shutdown is asked for, where the system says so; holds it up until this process
   * ends, within what the system allows (systemd: InhibitDelayMaxSec, 5 s).
   */
  watch(onGoingDown: (how: string) => void): void;
}

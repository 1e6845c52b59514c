/**
 * What a load balancer believes about one backend. As Azure's health probes ("Azure Load Balancer health probes",
 * learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview): the threshold is how often in a row a probe
 * has to succeed or to fail before traffic is allowed or denied; a backend begins as down. Pure.
 */
export class BackendHealth {
  readonly #threshold: number;
  #isUp = false;
  /** Answers in a row that contradict `#isUp`. */
  #against = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** Whether new flows may be sent there. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Takes one probe's result; true when the verdict changed. */
  note(hasSucceeded: boolean): boolean {
    if (hasSucceeded === this.#isUp) {
      this.#against = 0;
      return false;
    }
    this.#against++;
    if (this.#against < this.#threshold) return false;
    this.#isUp = hasSucceeded;
    this.#against = 0;
    return true;
  }
}

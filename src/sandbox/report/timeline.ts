/** The readable story of a run: one line per thing that happened, with the seconds since the start. */
import { styleText } from "node:util";
import { machineMonotonicMs } from "../machine-clock.ts";

export type LineKind = "fault" | "good" | "bad" | "plain";

const STYLE = { fault: "yellow", good: "green", bad: "red", plain: "reset" } as const;
const MARK: Readonly<Record<LineKind, string>> = { fault: "!", good: "+", bad: "x", plain: " " };

export interface TimelineOptions {
  readonly write: (text: string) => void;
  readonly colours: boolean;
}

export class Timeline {
  readonly #options: TimelineOptions;
  readonly #startMs = machineMonotonicMs();

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  /** Something happened, now. */
  note(kind: LineKind, text: string): void {
    const seconds = ((machineMonotonicMs() - this.#startMs) / 1_000).toFixed(2).padStart(7);
    this.#options.write(`${this.#styled(kind, `${seconds}s ${MARK[kind]} ${text}`)}\n`);
  }

  /** A moment of the machine's monotonic clock as this timeline says it. */
  secondsAt(atMs: number): string {
    return `${((atMs - this.#startMs) / 1_000).toFixed(3)}s`;
  }

  /** A line without a time. */
  line(text = "", kind: LineKind = "plain"): void {
    this.#options.write(`${this.#styled(kind, text)}\n`);
  }

  #styled(kind: LineKind, text: string): string {
    if (!this.#options.colours || kind === "plain") return text;
    return styleText(STYLE[kind], text, { validateStream: false });
  }
}

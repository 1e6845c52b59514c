/** Packets as they are on a wire of the virtual network, captured with tcpdump or, without it, python3. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface CapturedPacket {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
}

export type CaptureTool = "tcpdump" | "python3";

const SCRIPT = fileURLToPath(new URL("capture.py", import.meta.url));
/** How much longer than the capture its program may take, in ms. */
const GRACE_MS = 10_000;
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Undefined: this machine has neither. */
export async function captureTool(): Promise<CaptureTool | undefined> {
  for (const tool of ["tcpdump", "python3"] as const)
    if ((await output([tool, "--version"], GRACE_MS)) !== undefined) return tool;
  return undefined;
}

/** TCP packets on `eth0` of a place for so long; `enter` leads a command line there. Undefined: nothing could be captured. */
export async function capturePackets(
  tool: CaptureTool,
  durationMs: number,
  enter: (argv: readonly string[]) => readonly string[],
): Promise<CapturedPacket[] | undefined> {
  const seconds = String(durationMs / 1_000);
  const argv =
    tool === "python3"
      ? ["python3", SCRIPT, String(durationMs)]
      : ["timeout", "--preserve-status", seconds, "tcpdump", "-n", "-q", "-l", "-i", "eth0", "ip and tcp"];
  const text = await output(enter(argv), durationMs + GRACE_MS);
  if (text === undefined) return undefined;
  return text.split("\n").flatMap(tool === "python3" ? parseScript : parseTcpdump);
}

/** `10.5.1.10 40000 10.5.0.200 80` */
export function parseScript(line: string): CapturedPacket[] {
  const [from, fromPort, to, toPort] = line.split(" ");
  if (from === undefined || to === undefined || fromPort === undefined || toPort === undefined) return [];
  return [{ from, to, fromPort: Number(fromPort), toPort: Number(toPort) }];
}

/** `12:00:00.0 IP 10.5.1.10.40000 > 10.5.0.200.80: tcp 0` */
export function parseTcpdump(line: string): CapturedPacket[] {
  const found = / IP (\d+\.\d+\.\d+\.\d+)\.(\d+) > (\d+\.\d+\.\d+\.\d+)\.(\d+):/.exec(line);
  const [, from, fromPort, to, toPort] = found ?? [];
  return from === undefined || to === undefined
    ? []
    : [{ from, to, fromPort: Number(fromPort), toPort: Number(toPort) }];
}

function output(argv: readonly string[], timeoutMs: number): Promise<string | undefined> {
  const [program = "", ...words] = argv;
  return new Promise((resolve) => {
    execFile(program, words, { timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}

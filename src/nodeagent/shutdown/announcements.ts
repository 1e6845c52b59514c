/**
 * What systemd says about a shutdown. Pure; text in, facts out.
 * Sources: systemctl(1) is-system-running, org.freedesktop.login1(5) PrepareForShutdown, busctl(1) --json,
 * https://systemd.io/INHIBITOR_LOCKS/
 */

/** A shutdown that is scheduled for later (`shutdown +5`) is none yet, in milliseconds. */
const SOON_MS = 5_000;

/** `/run/systemd/shutdown/scheduled`: whether the machine goes down now. */
export function isScheduledNow(text: string, wallMs: number): boolean {
  const micros = /^USEC=(\d+)$/m.exec(text)?.[1];
  return micros !== undefined && Number(micros) / 1_000 <= wallMs + SOON_MS;
}

/** `systemctl is-system-running`. Undefined: it said nothing of use. */
export function isStopping(word: string): boolean | undefined {
  const state = word.trim();
  if (state === "stopping") return true;
  return ["initializing", "starting", "running", "degraded", "maintenance"].includes(state) ? false : undefined;
}

/** One line of `busctl monitor --json=short`: a PrepareForShutdown that says that it begins. */
export function announcesShutdown(line: string): boolean {
  if (!line.includes("PrepareForShutdown")) return false;
  try {
    const { member, payload } = JSON.parse(line) as { member?: unknown; payload?: { data?: unknown } };
    const data = payload?.data;
    return member === "PrepareForShutdown" && Array.isArray(data) && data[0] === true;
  } catch {
    return false; // a line of another form
  }
}

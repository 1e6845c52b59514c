/** The machine's monotonic clock, one origin for all processes (CLOCK_MONOTONIC), unlike `performance.now()`. */
export function machineMonotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

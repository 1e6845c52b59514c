/** What the machine says about itself when something on it failed, and where that is kept. Both behind ports. */
export interface SystemFacts {
  /** Load, memory, pressure: short texts by name. What cannot be read is left out. Never throws. */
  read(): Promise<Readonly<Record<string, string>>>;
}

export interface DetailsStore {
  /** Keeps the newest few. Never throws. */
  keep(name: string, text: string): Promise<void>;
}

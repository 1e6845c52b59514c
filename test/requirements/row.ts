/**
 * A row of what users of today's products rely on. A test shows a row by carrying its tag, `[REQ SECTION ROW]`, at the
 * end of its name; one test may carry several. `npm run requirements` prints row -> tests -> result.
 */

export interface Requirement {
  /** Of the list of requirements: 5 deployments, 5.1 parameters, 5.2 errors, 5.3 behaviours, 5.4 verification. */
  readonly section: "5" | "5.1" | "5.2" | "5.3" | "5.4";
  /** The row's own words, short; unique within its section. */
  readonly row: string;
  /** Parts of the row that have a tag of their own: `[REQ 5.1 Azure DNS certificate]`. */
  readonly parts?: readonly string[];
  /** What holds here, in our words. */
  readonly holds: string;
  /** Why no test shows it yet: which later work carries it. */
  readonly later?: string;
}

/** `[REQ 5.2 EIP start 5]`; behaviours are named by their number: `[REQ 5.3.7]`. */
export function tagOf({ section, row }: Pick<Requirement, "section" | "row">): string {
  return section === "5.3" ? `[REQ 5.3.${row}]` : `[REQ ${section} ${row}]`;
}

/** Every tag that shows the row, its own first. */
export function tagsOf({ section, row, parts = [] }: Requirement): string[] {
  return [row, ...parts].map((name) => tagOf({ section, row: name }));
}

export const WITH_THE_MIRROR = "comes with MirrorDisk: the data of the mirror is later work";

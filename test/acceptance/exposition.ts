/**
 * The Prometheus text format as a strict reader sees it: every rule that a scrape or `promtool check metrics` would
 * stumble over is a sentence in `problemsOf`.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and the naming practices beside it.
 */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  /** Type by family. */
  readonly families: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
  /** What is wrong, as sentences. */
  readonly problems: readonly string[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const TYPES = ["counter", "gauge", "histogram", "summary"];

export function parseExposition(text: string): Exposition {
  const help = new Map<string, string>();
  const families = new Map<string, string>();
  const samples: Sample[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  let family = "";
  if (!text.endsWith("\n")) problems.push("the last line does not end");
  for (const line of text.split("\n").filter((candidate) => candidate !== "")) {
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (meta !== null) {
      const [, what, name = "", value = ""] = meta;
      const kept = what === "HELP" ? help : families;
      if (kept.has(name)) problems.push(`${name} has two ${what} lines`);
      if (what === "TYPE" && !TYPES.includes(value)) problems.push(`${name} is of no type: ${value}`);
      if (what === "TYPE" && !help.has(name)) problems.push(`${name} has no HELP before its TYPE`);
      kept.set(name, value);
      family = name;
      continue;
    }
    const sample = sampleOf(line);
    if (sample === undefined) {
      problems.push(`no sample: ${line}`);
      continue;
    }
    const key = `${sample.name} ${JSON.stringify(
      Object.entries(sample.labels)
        .map(([label, text]) => `${label}=${text}`)
        .toSorted(),
    )}`;
    if (seen.has(key)) problems.push(`twice: ${key}`);
    seen.add(key);
    if (familyOf(sample.name, families) !== family) problems.push(`${sample.name} is not beside its family ${family}`);
    samples.push(sample);
  }
  return {
    families,
    samples,
    problems: [...problems, ...namingProblems(families), ...histogramProblems(families, samples)],
  };
}

function sampleOf(line: string): Sample | undefined {
  const [, name = "", labelText = "", valueText = ""] = SAMPLE.exec(line) ?? [];
  const value = valueText === "+Inf" ? Number.POSITIVE_INFINITY : Number(valueText);
  if (name === "" || Number.isNaN(value)) return undefined;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let match = LABEL.exec(labelText); match !== null; match = LABEL.exec(labelText)) {
    const [whole, label = "", text = ""] = match;
    if (label in labels) return undefined;
    labels[label] = text;
    if (match.index + whole.length === labelText.length) return { name, labels, value };
  }
  return labelText === "" ? { name, labels, value } : undefined;
}

function familyOf(name: string, families: ReadonlyMap<string, string>): string {
  const base = name.replace(/_(bucket|sum|count)$/, "");
  const type = families.get(base);
  return type === "histogram" || type === "summary" ? base : name;
}

function namingProblems(families: ReadonlyMap<string, string>): string[] {
  return [...families].flatMap(([name, type]) => {
    const found: string[] = [];
    if ((type === "counter") !== name.endsWith("_total")) found.push(`${name}: _total and counters go together`);
    if (/_(ms|milliseconds|minutes|kb|mb)(_total)?$/.test(name)) found.push(`${name} is not in base units`);
    return found;
  });
}

/** Buckets rise, end with +Inf, and the last one equals the count. */
function histogramProblems(families: ReadonlyMap<string, string>, samples: readonly Sample[]): string[] {
  return [...families].flatMap(([family, type]) => {
    if (type !== "histogram") return [];
    const buckets = samples.filter(({ name }) => name === `${family}_bucket`);
    const series = Map.groupBy(buckets, ({ labels: { le: _bound, ...others } }) => JSON.stringify(others));
    return [...series].flatMap(([labels, own]) => {
      const values = own.map(({ value }) => value);
      const count = samples.find(
        ({ name, labels: others }) => name === `${family}_count` && JSON.stringify(others) === labels,
      );
      const isRising = values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0));
      const isWhole = own.at(-1)?.labels["le"] === "+Inf" && values.at(-1) === count?.value;
      return isRising && isWhole ? [] : [`${family}${labels}: its buckets do not add up`];
    });
  });
}

/** The value of one series; undefined when it is not there. Labels that are not named may have any value. */
export function valueOf(
  exposition: Pick<Exposition, "samples">,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return exposition.samples.find(
    (sample) => sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )?.value;
}

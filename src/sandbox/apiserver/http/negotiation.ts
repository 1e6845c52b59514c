/** The form of an answer that the client asked for in its Accept header. */

export interface AcceptEntry {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longest header that is read, in characters. */
const MAX_LENGTH = 4_096;

export function parseAccept(header: string | undefined): AcceptEntry[] {
  return (header ?? "")
    .slice(0, MAX_LENGTH)
    .split(",")
    .filter((entry) => entry.trim() !== "")
    .map((entry) => {
      const [type = "", ...rest] = entry.split(";").map((part) => part.trim());
      const pairs = rest.map((part) => part.split("=", 2) as [string, string?]);
      return {
        type: type.toLowerCase(),
        parameters: Object.fromEntries(pairs.map(([name, value]) => [name, value ?? ""])),
      };
    });
}

export type Form = "object" | "table" | "metadata";

/** Tables and metadata come from group meta.k8s.io; anything that allows JSON gets JSON; undefined when nothing does. */
export function formOf(header: string | undefined): Form | undefined {
  const entries = parseAccept(header);
  if (entries.length === 0) return "object";
  for (const { type, parameters } of entries) {
    if (type !== "application/json" && type !== "*/*" && type !== "application/*") continue;
    const as = parameters["as"];
    if (as === undefined) return "object";
    if (parameters["g"] !== "meta.k8s.io" || parameters["v"] !== "v1") continue;
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "metadata";
  }
  return undefined;
}

/** The version of aggregated discovery the client prefers, if it knows any. */
export function discoveryVersion(header: string | undefined): "v2" | "v2beta1" | undefined {
  for (const { parameters } of parseAccept(header)) {
    if (parameters["as"] !== "APIGroupDiscoveryList" || parameters["g"] !== "apidiscovery.k8s.io") continue;
    const version = parameters["v"];
    if (version === "v2" || version === "v2beta1") return version;
  }
  return undefined;
}

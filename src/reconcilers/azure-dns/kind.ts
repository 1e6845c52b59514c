/**
 * AzureDns: an A record in a public or private Azure DNS zone that names the active member, or a fixed address.
 *
 * Every write names the ETag of the version that was read, or that there is none: a writer that comes late, be it a
 * former leader or a person, is refused by Azure DNS, and the next reading decides anew. The name is never absent in
 * a move: the record set is replaced as a whole.
 */
import type { AzureDns, AzureDnsStatus } from "../../api/generated/types.ts";
import type { AzureDnsAccess } from "../../cloud/azure/dns-access.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { resolutionTrouble } from "../dns/checks.ts";
import { memberStatuses, recordStatus } from "../dns/status.ts";
import { viewRecord, viewStopped } from "../dns/view.ts";
import { DNS_WORDING, dnsWriteRetry } from "../dns/wording.ts";
import type { Finding, WriteRequest } from "../pointer/kind.ts";
import { valueOf } from "../pointer/reading.ts";
import type { Verdict } from "../pointer/seen.ts";
import { certificateVerdict, nextCertificateStepMs } from "../shared/credential-valid.ts";
import { AZURE_DNS_CHECKS } from "./checks.ts";
import { readAzureDns } from "./read.ts";
import { recordViewOf, writeOf } from "./record.ts";
import { type AzureDnsFacts, type AzureDnsKind, type AzureDnsSeen, type AzureDnsWrite, recordNameOf } from "./seen.ts";
import { azureKeysOf } from "../shared/azure-keys.ts";

export interface AzureDnsModules {
  readonly azureDns: AzureDnsAccess;
  readonly metrics: Metrics;
}

export function azureDnsKind({ azureDns, metrics }: AzureDnsModules): AzureDnsKind {
  return {
    kind: "AzureDns",
    wording: {
      ...DNS_WORDING,
      endpoint: "Azure Resource Manager (or the endpoint of its tokens)",
      service: "Azure DNS",
      ambient:
        "workload identity (the service account's federated token), or the managed identity of the machine that the controller runs on",
    },
    keysOf: azureKeysOf,
    read: async (request) => {
      const facts = await readAzureDns(azureDns, request);
      measureCertificate(request.object, facts, metrics);
      return facts;
    },
    readings: ({ record, links, permissions }) => ({
      monitored: record === undefined ? [] : [record],
      facts: links === undefined ? [] : [links],
      dryRuns: permissions === undefined ? [] : [permissions],
    }),
    callTimes: ({ callTimes }) => callTimes,
    view: (seen, node) => viewRecord(recordViewOf(seen), node, (change) => writeOf(seen, change)),
    checks: AZURE_DNS_CHECKS,
    write: (write, request) => send(azureDns, write, request),
    targetOf: ({ record }) => recordNameOf({ spec: record }),
    describe: ({ record, wanted }) =>
      wanted === undefined ? `${record.record} was deleted` : `${record.record} was set to ${wanted.address}`,
    writeRetry: dnsWriteRetry,
    whenStopped: (seen) => viewStopped(recordViewOf(seen), (change) => writeOf(seen, change)),
    status: statusOf,
    conditions: (seen, now) => [["CredentialValid", credentialOf(seen, now)]],
    trouble: (seen) => resolutionTrouble(seen, recordViewOf(seen)),
    events: credentialEvents,
    nextLookMs: ({ facts }, now) =>
      facts.certificateEndsAtMs === undefined
        ? undefined
        : nextCertificateStepMs(facts.certificateEndsAtMs, now.wallMs),
  };
}

async function send(
  access: AzureDnsAccess,
  { subscriptionId, record, when, wanted }: AzureDnsWrite,
  { keys, timeoutMs, assertMayWrite }: WriteRequest<AzureDns, SecretKeys>,
): Promise<void> {
  const dns = await access.knowledgeOf(subscriptionId, keys);
  const options = { timeoutMs, beforeSend: assertMayWrite };
  if (wanted !== undefined) {
    const { address, ...rest } = wanted;
    await dns.put(record, { addresses: [address], ...rest }, when, options);
  } else if (when !== "absent") {
    await dns.remove(record, when.etag, options);
  }
}

function statusOf(seen: AzureDnsSeen, now: Instant): Partial<AzureDnsStatus> {
  const { object, members, facts, status } = seen;
  const record = recordStatus(recordViewOf(seen), status, now);
  const etag = facts.record?.ok === true ? valueOf(facts.record)?.etag : status.etag;
  const { zone: name, zoneType: visibility } = object.spec;
  return {
    ...(record === undefined ? {} : { record }),
    ...(etag === undefined ? {} : { etag }),
    zone: { name, visibility },
    members: memberStatuses(object, members),
  };
}

function credentialOf({ facts }: AzureDnsSeen, now: Instant): Verdict | undefined {
  const { certificateEndsAtMs } = facts;
  return certificateEndsAtMs === undefined
    ? undefined
    : certificateVerdict(certificateEndsAtMs, now.wallMs, "spec.credentials");
}

/** At each further step; the first one and the end are told with the condition that turns. */
function credentialEvents({ status }: AzureDnsSeen, after: AzureDnsStatus): Finding[] {
  const find = ({ conditions }: AzureDnsStatus) => conditions?.find(({ type }) => type === "CredentialValid");
  const [verdict, last] = [find(after), find(status)];
  if (verdict?.status !== "False" || verdict.reason !== last?.reason || verdict.message === last.message) return [];
  return [{ reason: verdict.reason, message: verdict.message }];
}

function measureCertificate({ metadata }: AzureDns, { certificateEndsAtMs }: AzureDnsFacts, metrics: Metrics): void {
  if (certificateEndsAtMs === undefined) return;
  const labels = { kind: "AzureDns", namespace: metadata.namespace ?? "", name: metadata.name };
  metrics.set("understudy_certificate_expiry_timestamp_seconds", certificateEndsAtMs / 1_000, labels);
}

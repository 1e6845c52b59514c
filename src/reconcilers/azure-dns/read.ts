/** All cloud reads for one look at an AzureDns: its record, and now and then the zone's networks and what may be done. */
import type { AzureDns } from "../../api/generated/types.ts";
import { certificateEndsAtMs } from "../../cloud/azure/certificate.ts";
import type { AzureDnsAccess } from "../../cloud/azure/dns-access.ts";
import type { AzureDnsKnowledge } from "../../cloud/azure/dns-knowledge.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import type { ReadRequest } from "../pointer/kind.ts";
import { failureOf, type Reading, readingOf } from "../pointer/reading.ts";
import { type AzureDnsFacts, recordRefOf } from "./seen.ts";
import { subscriptionOf } from "./subscription.ts";

export async function readAzureDns(
  access: AzureDnsAccess,
  request: ReadRequest<AzureDns, SecretKeys>,
): Promise<AzureDnsFacts> {
  const { object, members, identity, wishes, withDryRuns } = request;
  const subscription = subscriptionOf(object, members);
  const certificate = identity.ok ? identity.keys?.["clientCertificate"] : undefined;
  const nothing = {
    subscription,
    record: undefined,
    permissions: undefined,
    links: undefined,
    certificateEndsAtMs: certificate === undefined ? undefined : certificateEndsAtMs(certificate),
    callTimes: undefined,
  };
  if (!identity.ok || !subscription.ok) return nothing;
  const known = await knowledgeOf(access, subscription.id, identity.keys);
  if (!known.ok) return { ...nothing, record: known };
  const { dns } = known;
  const ref = recordRefOf(object);
  const isPrivate = object.spec.zoneType === "Private";
  const [record, permissions, links] = await Promise.all([
    readingOf(wishes.monitored, (how) => dns.record(ref, how)),
    withDryRuns ? readingOf(wishes.dryRuns, (how) => dns.permissions(ref, how)) : undefined,
    isPrivate ? readingOf(wishes.facts, (how) => dns.networkLinks(ref, how)) : undefined,
  ]);
  return { ...nothing, record, permissions, links, callTimes: dns.callTimes() };
}

/** A client that cannot be made is a failed reading. */
async function knowledgeOf(
  access: AzureDnsAccess,
  subscriptionId: string,
  keys: SecretKeys | undefined,
): Promise<{ readonly ok: true; readonly dns: AzureDnsKnowledge } | Extract<Reading<undefined>, { ok: false }>> {
  try {
    return { ok: true, dns: await access.knowledgeOf(subscriptionId, keys) };
  } catch (thrown) {
    return { ok: false, failure: failureOf(thrown), known: undefined };
  }
}

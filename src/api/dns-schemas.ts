/** What AwsDns and AzureDns have in common. */
import { choice, integer, list, object, text, time, type Schema } from "./schema.ts";
import {
  address,
  callTime,
  cloudTimeouts,
  duration,
  foundAddress,
  foundMembers,
  memberOverrides,
  monitor,
} from "./shared-schemas.ts";

/** Seconds and above: a TTL is a whole number of seconds. */
const TTL_PATTERN = "^([0-9]{1,5}(h|m|s)){1,4}$";

export const ADDRESS_OR_MEMBERS_RULE = {
  rule: "!has(self.address) || !has(self.members) || self.members.all(m, !has(m.address))",
  message: "give address or members[].address, not both; omit both to use each Node's InternalIP",
} as const;

/** address, members, addressType, ttl, whenStopped. */
export function dnsTarget(memberTypeName: string): Readonly<Record<string, Schema>> {
  return {
    address: address("Fixed address: a virtual or Elastic IP. Omitted: each member's own."),
    members: memberOverrides(
      "Overrides of what addressType finds.",
      { address: address("Address written while this member is active.") },
      memberTypeName,
    ),
    addressType: choice("Which address of the Node is written when none is given.", ["InternalIP", "ExternalIP"], {
      default: "InternalIP",
      typeName: "NodeAddressType",
    }),
    ttl: {
      ...duration("Time to live, whole seconds; applied at the next write.", "1s", "24h", { default: "10s" }),
      pattern: TTL_PATTERN,
    },
    whenStopped: choice(
      "When the group stops or is deleted, never in a move. Keep: clients may still reach the last address.",
      ["Keep", "Delete"],
      { default: "Keep" },
    ),
  };
}

export function dnsWrite(): Schema {
  return object(
    "Retries of a change.",
    {
      retryInterval: duration("Time between two tries.", "100ms", "10m", { default: "2s" }),
      attempts: integer("Tries.", 1, 20, { default: 3 }),
    },
    { defaulted: true, typeName: "DnsWrite" },
  );
}

export function dnsMonitor(): Schema {
  return monitor(
    "Checks the record and, after one TTL, name resolution on the active member.",
    { interval: "30s", timeout: "5s", retries: 3, startDelay: "30s" },
    {
      typeName: "DnsMonitor",
      extra: {
        resolution: choice(
          "Who is asked for the name: the Node's resolver, the servers in resolvers, or nobody.",
          ["Node", "Servers", "Off"],
          { default: "Node", typeName: "DnsResolution" },
        ),
        resolvers: list("DNS servers to ask; only with resolution: Servers.", 4, address("A DNS server."), {
          minItems: 1,
        }),
      },
      rules: [
        {
          rule: "has(self.resolvers) == (has(self.resolution) && self.resolution == 'Servers')",
          message: "give resolvers if and only if resolution is Servers",
        },
      ],
    },
  );
}

export const dnsTimeouts = cloudTimeouts;

/** record, members, callTime. */
export function dnsStatus(memberTypeName: string): Readonly<Record<string, Schema>> {
  return {
    record: object(
      "The record as last read.",
      {
        address: foundAddress("Its address."),
        ttl: integer("Its time to live in seconds.", 0, 2147483647),
        observedAt: time("When it was first read with this content."),
      },
      { typeName: "DnsRecordStatus" },
    ),
    zone: object(
      "The zone.",
      {
        name: text("Its name.", { maxLength: 255 }),
        visibility: choice("Who can resolve it.", ["Public", "Private"], { typeName: "ZoneVisibility" }),
      },
      { typeName: "DnsZoneStatus" },
    ),
    members: foundMembers({ address: foundAddress("Address that would be written.") }, memberTypeName),
    callTime: callTime(),
  };
}

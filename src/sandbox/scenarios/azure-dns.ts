/**
 * `examples/azure-dns` under fire, by the verification of guide 001, 4.5: the zone's name servers are asked directly, the A
 * record is deleted by hand and must come back in place; only when that repair is refused does the group move. Besides: a
 * machine that is lost and powered off through Resource Manager, a planned move during which the name is never absent,
 * and an outage of Azure. The controllers call with a certificate.
 */
import { fileURLToPath } from "node:url";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import type { KubeObject, ResourceType } from "../../kube/ports.ts";
import { sleep } from "../../lib/clock.ts";
import { principalCertificate } from "../arm/certificate.ts";
import { DnsProvider } from "../arm/dns.ts";
import { type ArmZone, VirtualDnsZones } from "../arm/dns-zones.ts";
import { azureZoneSource } from "../arm/zone-source.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { SERVICE_PORT } from "../network/topology.ts";
import type { FaultResult } from "../report/result.ts";
import { AZURE_RESOURCE_GROUP, AZURE_SUBSCRIPTION, AzureEmulator } from "../world/azure-emulator.ts";
import { DnsEmulator } from "../world/dns-emulator.ts";
import type { Ground } from "../world/emulator.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { AZURE_IDENTITY } from "./azure-identity.ts";
import { crash } from "./azure-load-balancer.ts";
import { apiOutage, drift, type Resource } from "./cloud-faults.ts";
import { failover, NOISE_MS, plannedMove } from "./faults.ts";
import { NameWatch } from "./name-watch.ts";
import type { Scenario, ScenarioParts } from "./scenario.ts";
import { activeNode, play, type Stage, untilCalm, waitLimitMs } from "./stage.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/azure-dns", import.meta.url));
/** Of the example. */
const RESOURCE: Resource = { kind: "AzureDns", name: "azuredns1" };
const ZONE = { resourceGroup: AZURE_RESOURCE_GROUP, name: "cluster1.zone", type: "dnsZones" } as const;
const RECORD = "test-record1";
const NAME = `${RECORD}.${ZONE.name}`;
const NAME_SERVERS = ["ns1-01.azure-dns.com.", "ns2-01.azure-dns.net."];
const SECRET: ResourceType = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
const SECRET_NAME = "azure-test";
/** `spec.ttl` of the example, in ms: for so long a client may still go to the old address. */
const TTL_MS = 5_000;
/** From the refused repair to the group on the other member: retries of the record, reactivations, the move itself. */
const REFUSED_TARGET_MS = 40_000;
const LOOK_INTERVAL_MS = 50;

export const AZURE_DNS_SCENARIO: Scenario = {
  what: "examples/azure-dns",
  topology: "vnet",
  service: "own-address",
  build: (ground) => new AzureDnsDeployment(ground).parts(),
};

class AzureDnsDeployment {
  readonly #ground: Ground;
  readonly #zones: VirtualDnsZones;
  readonly #azure: AzureEmulator;
  readonly #servers: DnsEmulator;
  readonly #watch: NameWatch;
  readonly #certificate: string;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#zones = new VirtualDnsZones({ subscriptionId: AZURE_SUBSCRIPTION }, ground);
    this.#zones.createZone({ ...ZONE, nameServers: NAME_SERVERS });
    const { cert, key } = principalCertificate("azure-test", ground.clock.wallMs());
    this.#certificate = `${key}${cert}`;
    const identity = { ...AZURE_IDENTITY, certificate: cert };
    this.#azure = new AzureEmulator({ identities: [identity], providers: [new DnsProvider(this.#zones)] }, ground);
    this.#servers = new DnsEmulator(
      azureZoneSource(this.#zones, () => undefined),
      ground,
    );
    this.#watch = new NameWatch(NAME, () => this.#server(), ground);
  }

  parts(): ScenarioParts {
    return {
      emulators: [this.#azure, this.#servers, { start: () => Promise.resolve(), close: () => this.#watch.stop() }],
      client: { name: NAME, port: SERVICE_PORT },
      apply: (stage) => this.#apply(stage),
      faults: [
        (stage) => crash(stage, this.#azure),
        (stage) => this.#move(stage),
        (stage) => this.#deleted(stage),
        (stage) => this.#repairRefused(stage),
        (stage) => this.#outage(stage),
      ],
      spreadMs: TTL_MS,
    };
  }

  /** The Secret of the service principal, then the example as it is. */
  async #apply({ world }: Stage): Promise<void> {
    const { tenantId, clientId } = AZURE_IDENTITY;
    const keys = { tenantId, clientId, clientCertificate: this.#certificate };
    const data = Object.fromEntries(
      Object.entries(keys).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
    );
    const secret: KubeObject & { data: object } = { metadata: { namespace: USER_NAMESPACE, name: SECRET_NAME }, data };
    await world.api.create(SECRET, secret);
    await applyAll(world.api, readManifests(EXAMPLE), USER_NAMESPACE);
    this.#watch.start();
  }

  /** The zone's server, asked every 50 ms, must never say that there is no such name. */
  async #move(stage: Stage): Promise<FaultResult> {
    const startMs = machineMonotonicMs();
    const result = await plannedMove(stage);
    const absences = this.#watch.absences(startMs).length;
    const answered = this.#watch.answered(startMs);
    if (absences > 0)
      return { ...result, problems: [...result.problems, `the name was absent ${absences} times of ${answered}`] };
    stage.timeline.note("good", `${NAME} was never absent: its server was asked ${answered} times`);
    return result;
  }

  async #deleted(stage: Stage): Promise<FaultResult> {
    const before = await this.#watch.ask();
    stage.timeline.note("plain", `${NAME} at the zone's server ${NAME_SERVERS[0]}: ${before.addresses.join(", ")}`);
    const result = await drift(stage, {
      name: "record-deleted",
      resource: RESOURCE,
      story: () => `drift: somebody deletes the A record ${RECORD} from ${ZONE.name}`,
      change: () => this.#delete(),
      isRight: (active) => this.#holds(active),
    });
    const after = await this.#watch.ask();
    const isBack = after.addresses.join() === before.addresses.join();
    return isBack ? result : { ...result, problems: [...result.problems, "the zone's server does not have it again"] };
  }

  /** The record is deleted and cannot be written again: now the group has a reason to move. */
  async #repairRefused(stage: Stage): Promise<FaultResult> {
    const from = await untilCalm(stage);
    const { faults } = this.#azure.endpoint;
    const story = `drift: somebody deletes the A record, and Azure refuses (403) to have it written for ${from}`;
    const targetMs = REFUSED_TARGET_MS + stage.spreadMs;
    const result = await play(stage, {
      ...failover(stage, "repair-refused", from, story),
      targetMs,
      boundMs: targetMs + 2 * NOISE_MS,
      inject: async () => {
        const refused = { type: "error", code: "AuthorizationFailed", status: 403 } as const;
        const allow = faults.inject({ actions: ["RecordSets.CreateOrUpdate"], outcome: refused });
        this.#delete();
        const endMs = machineMonotonicMs() + waitLimitMs(stage);
        while (activeNode(stage.group.latest) === from && machineMonotonicMs() < endMs)
          await sleep(stage.clock, LOOK_INTERVAL_MS);
        allow();
      },
    });
    await forget(stage);
    return result;
  }

  #outage(stage: Stage): Promise<FaultResult> {
    return apiOutage(stage, {
      resource: RESOURCE,
      cloud: "Azure",
      begin: () => this.#azure.endpoint.faults.inject({ outcome: { type: "unreachable" } }),
      stateOf: () => JSON.stringify([...this.#zone().recordSets]),
    });
  }

  #zone(): ArmZone {
    const zone = this.#zones.zone(ZONE);
    if (zone === undefined) throw new Error(`there is no zone ${ZONE.name}`);
    return zone;
  }

  #delete(): void {
    this.#zones.remove(this.#zone(), RECORD);
  }

  #holds(vm: string): boolean {
    const wanted = this.#ground.topology.vms.find(({ name }) => name === vm)?.address;
    return this.#zone().recordSets.get(RECORD)?.addresses.join() === wanted;
  }

  #server() {
    const [server] = this.#servers.servers;
    if (server === undefined) throw new Error("the name server has not started");
    return server;
  }
}

/** An operator who has put the role right says so: what failed on the member before does not count any more. */
async function forget({ world, groupKey, timeline }: Stage): Promise<void> {
  const annotations = { "understudy.dev/start": "the role was put right" };
  await world.api.patch(FAILOVER_GROUP, groupKey, { type: "merge", body: { metadata: { annotations } } });
  timeline.note("plain", "an operator puts the role right and says so (annotation understudy.dev/start)");
}

/**
 * Everything that an installation consists of, on loopback and without root: the embedded API server and the emulated
 * EC2 in this process, the controller and the agents as real processes. Node names are unique per installation, since
 * agents tell their own processes by them and several test files share one machine.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Condition, FailoverGroup } from "../../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { LEASE, type Lease } from "../../src/api/session-lease.ts";
import { EVENT, type KubeEvent } from "../../src/controller/event-recorder.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { RestKubeApi } from "../../src/kube/rest-client.ts";
import { type RunningApiServer, runApiServer } from "../../src/sandbox/apiserver/main.ts";
import { kubeconfigFor } from "../../src/sandbox/launcher/kubeconfig.ts";
import { buildKubeWorld, type KubeMachine, SYSTEM_NAMESPACE } from "../../src/sandbox/world/kube-world.ts";
import { applyAll } from "../../src/sandbox/world/manifests.ts";
import { ADMIN, Cloud, REGION } from "./cloud.ts";
import { until, untilObject } from "./facts.ts";
import { SERVICE_PROGRAM } from "./objects.ts";
import { type Finished, run, type RunningProgram, startProgram } from "./programs.ts";

export interface InstallationOptions {
  /** Flags of the controller and the agents alike; the fast preset when omitted. */
  readonly timings?: readonly string[];
  /** Without a controller nothing is granted. */
  readonly hasController?: boolean;
}

/** A stand-in for a service: a process that runs until it is stopped, one per group and node. */
const SERVICE_SCRIPT = `#!/bin/sh
pid_file=\${0%/*}/../../../run/$UNDERSTUDY_NAMESPACE-$UNDERSTUDY_GROUP.pid
read -r pid 2>/dev/null <"$pid_file"
case $1 in
start) setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! >"$pid_file" ;;
status) kill -0 "$pid" ;;
stop) [ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -f "$pid_file" ;;
esac
`;

/** One emulated machine: its agent, its files and the loopback address that is its own. */
export class Machine {
  readonly node: string;
  readonly address: string;
  readonly #folder: string;
  readonly #argv: readonly string[];
  #agent: RunningProgram | undefined;

  constructor(node: string, address: string, folder: string, flags: readonly string[]) {
    this.node = node;
    this.address = address;
    this.#folder = folder;
    const programs = join(folder, "root", SERVICE_PROGRAM, "..");
    for (const path of [programs, join(folder, "root/run"), join(folder, "run")])
      mkdirSync(path, { recursive: true, mode: 0o755 });
    const program = join(folder, "root", SERVICE_PROGRAM);
    writeFileSync(program, SERVICE_SCRIPT);
    chmodSync(program, 0o755);
    const files = ["--state-dir", join(folder, "run"), "--host-root", join(folder, "root")];
    const listening = ["--peer-address", address, "--metrics-address", address];
    const backends = ["--address-backend", "file", "--watchdog-mode", "Off"];
    this.#argv = ["agent", "--node", node, ...flags, ...files, ...listening, ...backends];
  }

  get agent(): RunningProgram {
    if (this.#agent === undefined) throw new Error(`no agent runs on ${this.node}`);
    return this.#agent;
  }

  boot(): void {
    this.#agent = startProgram(this.#argv);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    return await this.agent.end(signal);
  }

  /** A program of the host, such as `systemctl`, that prints this. */
  hostProgram(name: string, output: string): void {
    const folder = join(this.#folder, "root/usr/bin");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/sh\necho '${output}'\n`);
    chmodSync(join(folder, name), 0o755);
  }

  holds(address: string): boolean {
    try {
      const held: unknown = JSON.parse(readFileSync(join(this.#folder, "run/addresses.json"), "utf8"));
      return Array.isArray(held) && held.includes(address);
    } catch {
      return false; // none was ever added
    }
  }

  /** Process id of the group's service; undefined while it is stopped. Whether it lives is the kernel's to say. */
  servicePid(namespace: string, group: string): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.#folder, `root/run/${namespace}-${group}.pid`), "utf8"));
      return Number.isInteger(pid) && pid > 0 ? pid : undefined;
    } catch {
      return undefined; // not started, or stopped
    }
  }

  /** The worker of the running agent, as its guard has noted it for its next life. */
  workerPid(): number {
    const record = readFileSync(join(this.#folder, "run/holdings.json"), "utf8");
    const noted = [...record.matchAll(/"kind":"process-group","processGroup":(\d+)/g)].map(([, pid]) => Number(pid));
    const worker = noted.find((pid) => parentOf(pid) === this.agent.pid);
    if (worker === undefined) throw new Error(`no worker of ${this.node} is noted: ${record}`);
    return worker;
  }

  async metrics(): Promise<string> {
    const answer = await fetch(`http://${this.address}:9811/metrics`, { signal: AbortSignal.timeout(5_000) });
    return await answer.text();
  }

  async shutDown(): Promise<void> {
    await this.#agent?.end("SIGTERM");
  }
}

export class Installation {
  readonly api: RestKubeApi;
  readonly server: RunningApiServer;
  readonly cloud: Cloud;
  readonly machines: readonly [Machine, Machine];
  readonly kubeconfig: string;
  readonly #folder: string;
  readonly #timings: readonly string[];
  #controller: RunningProgram | undefined;

  private constructor(folder: string, server: RunningApiServer, cloud: Cloud, timings: readonly string[]) {
    this.#folder = folder;
    this.#timings = timings;
    this.server = server;
    this.cloud = cloud;
    const connection = { baseUrl: this.apiUrl };
    this.api = new RestKubeApi({ connection, timeoutMs: 10_000, fieldManager: "kubectl" }, { clock: systemClock });
    this.kubeconfig = join(folder, "kubeconfig");
    writeFileSync(this.kubeconfig, kubeconfigFor(this.apiUrl));
    const [id, third] = [randomBytes(3).toString("hex"), randomBytes(2)] as const;
    const network = `127.${128 + ((third[0] ?? 0) % 100)}.${third[1] ?? 0}`;
    const flags = ["--api-server", this.apiUrl, ...this.#timings];
    const machineOf = (index: 1 | 2): Machine =>
      new Machine(`node${index}-${id}`, `${network}.${index}`, join(folder, `vm${index}`), flags);
    this.machines = [machineOf(1), machineOf(2)];
  }

  /** Resolves when the controller leads and both agents hold their sessions. */
  static async start(options: InstallationOptions = {}): Promise<Installation> {
    const folder = mkdtempSync(join(tmpdir(), "understudy-acceptance-"));
    const server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 }, autoCreateNamespaces: true });
    const site = new Installation(folder, server, await Cloud.start(), options.timings ?? ["--preset", "fast"]);
    try {
      await buildKubeWorld(site.#kubeMachines(), { api: site.api, clock: systemClock });
      if (options.hasController !== false) site.#startController();
      for (const machine of site.machines) machine.boot();
      if (options.hasController !== false) await site.untilControllerLeads();
      for (const machine of site.machines) await site.session(machine.node);
      return site;
    } catch (thrown) {
      await site.close();
      throw thrown;
    }
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  get nodes(): [string, string] {
    return [this.machines[0].node, this.machines[1].node];
  }

  get controller(): RunningProgram {
    if (this.#controller === undefined) throw new Error("there is no controller");
    return this.#controller;
  }

  /** The page of one of the controller's two ports. */
  async controllerPage(path: "/metrics" | "/healthz" | "/readyz"): Promise<Response> {
    const ports = await until("the controller listens", () => listeningPorts(this.controller.output()));
    const port = path === "/metrics" ? ports.metricsPort : ports.healthPort;
    return await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
  }

  async untilControllerLeads(): Promise<void> {
    await until("the controller leads", async () => {
      const text = await (await this.controllerPage("/metrics")).text();
      return /^understudy_leader 1$/m.test(text) ? true : undefined;
    });
  }

  /** Applies objects as `kubectl apply --server-side` does. */
  async apply(namespace: string, ...objects: readonly KubeObject[]): Promise<void> {
    await applyAll(this.api, objects, namespace);
  }

  async annotate(namespace: string, group: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    const body = { metadata: { annotations } };
    await this.api.patch(FAILOVER_GROUP, { namespace, name: group }, { type: "merge", body, fieldManager: "kubectl" });
  }

  async group(namespace: string, name: string): Promise<FailoverGroup> {
    const found = await this.api.get<FailoverGroup>(FAILOVER_GROUP, { namespace, name });
    if (found === undefined) throw new Error(`no group ${namespace}/${name}`);
    return found;
  }

  async untilGroup(namespace: string, name: string, what: string, fits: (group: FailoverGroup) => boolean) {
    return await untilObject<FailoverGroup>(this.api, FAILOVER_GROUP, { namespace, name }, what, fits);
  }

  async untilReady(namespace: string, name: string, node?: string): Promise<FailoverGroup> {
    return await this.untilGroup(namespace, name, `Ready on ${node ?? "any member"}`, (group) => isReady(group, node));
  }

  /** The condition as soon as it has this reason. */
  async untilCondition(
    type: ResourceType,
    place: { readonly namespace: string; readonly name: string },
    condition: string,
    reason: string,
  ): Promise<Condition> {
    const fits = (object: WithConditions): boolean => conditionOf(object, condition)?.reason === reason;
    const object = await untilObject<WithConditions>(this.api, type, place, `${condition} ${reason}`, fits);
    const found = conditionOf(object, condition);
    if (found === undefined) throw new Error(`${condition} disappeared`);
    return found;
  }

  async untilEvent(namespace: string, name: string, reason: string): Promise<KubeEvent> {
    return await untilObject<KubeEvent>(
      this.api,
      EVENT,
      { namespace },
      `Event ${reason} about ${name}`,
      (event) => event.involvedObject["name"] === name && event.reason === reason,
    );
  }

  /** The node's session, once it has one; `before`: once it has another one. */
  async session(node: string, before?: string): Promise<string> {
    const lease = await untilObject<Lease>(
      this.api,
      LEASE,
      { namespace: SYSTEM_NAMESPACE, name: node },
      "a session",
      ({ spec }) => spec?.holderIdentity !== undefined && spec.holderIdentity !== before,
    );
    return lease.spec?.holderIdentity ?? "";
  }

  /** The command line as a user has it, with this installation's kubeconfig. */
  async understudy(...argv: readonly string[]): Promise<Finished> {
    return await run(argv, { env: { KUBECONFIG: this.kubeconfig } });
  }

  async close(): Promise<void> {
    await Promise.all([this.#controller?.end("SIGTERM"), ...this.machines.map((machine) => machine.shutDown())]);
    this.api.close();
    await Promise.all([this.server.close(), this.cloud.close()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #startController(): void {
    const reach = ["--kubeconfig", this.kubeconfig, "--aws-endpoint", this.cloud.url, "--identity", "acceptance"];
    const ports = ["--metrics-port", "0", "--health-port", "0"];
    const env = { AWS_ACCESS_KEY_ID: ADMIN.accessKeyId, AWS_SECRET_ACCESS_KEY: ADMIN.secretAccessKey };
    this.#controller = startProgram(["controller", ...reach, ...ports, ...this.#timings], env);
  }

  #kubeMachines(): KubeMachine[] {
    return this.machines.map((machine, index) => {
      const zone = `${REGION}${index === 0 ? "a" : "b"}`;
      const providerId = `aws:///${zone}/${this.cloud.instanceOf(index)}`;
      return { name: machine.node, address: machine.address, region: REGION, zone, providerId };
    });
  }
}

/** proc_pid_stat(5), field 4; undefined when there is no such process. */
function parentOf(pid: number): number | undefined {
  try {
    return Number(/^.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    return undefined; // it has ended
  }
}

interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  return (object as WithConditions).status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(group: FailoverGroup, node?: string): boolean {
  const active = group.status?.active?.node;
  const isThere = active !== undefined && (node === undefined || active === node);
  return isThere && conditionOf(group, "Ready")?.status === "True";
}

function listeningPorts(output: string): { metricsPort: number; healthPort: number } | undefined {
  const line = output.split("\n").find((text) => text.includes('"message":"listening"')) ?? "";
  const portOf = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(line)?.[1]);
  return line === "" ? undefined : { metricsPort: portOf("metricsPort"), healthPort: portOf("healthPort") };
}

/**
 * Instance metadata over HTTP at the link-local address of the cloud: EC2's IMDSv2 (a token first) and Azure's IMDS.
 *
 * One small request at a time, each on a connection of its own and without any proxy. Must never do: send a token
 * anywhere but to the address that gave it.
 */
import { request } from "node:http";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { ScheduledEvent } from "../../api/scheduled-events.ts";
import { awsIdentity, awsMaintenance, awsRebalance, awsSpotAction } from "../machine/aws-documents.ts";
import { azureEvents, type AzureMachine, azureMachine } from "../machine/azure-documents.ts";
import type { MachineIdentity, MachineMetadata, Metadata } from "../machine/port.ts";

const MAX_ANSWER_BYTES = 256 * 1024;
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html: 1 s to 6 h. */
const TOKEN_SECONDS = 21_600;
/** A token is asked for anew well before it ends, in milliseconds. */
const TOKEN_FRESH_MS = (TOKEN_SECONDS * 1_000) / 2;
const AZURE_HEADERS = { Metadata: "true" };
const AZURE_COMPUTE = "/metadata/instance/compute?api-version=2021-02-01&format=json";
const AZURE_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01";
const AWS_EVENTS = [
  ["/latest/meta-data/events/maintenance/scheduled", awsMaintenance],
  ["/latest/meta-data/spot/instance-action", awsSpotAction],
  ["/latest/meta-data/events/recommendations/rebalance", awsRebalance],
] as const;

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Call extends Limits {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

class MetadataError extends Error {
  override readonly name = "MetadataError";
}

export class InstanceMetadata implements MachineMetadata {
  readonly #base: string;
  readonly #clock: Clock;
  #token: { readonly text: string; readonly askedMs: number } | undefined;
  #azureName = "";

  constructor(options: { readonly url: string }, modules: { readonly clock: Clock }) {
    this.#base = options.url.replace(/\/$/, "");
    this.#clock = modules.clock;
  }

  async identity(timeoutMs: number, signal: AbortSignal): Promise<Metadata<MachineIdentity>> {
    const limits = { timeoutMs: timeoutMs / 2, signal };
    const aws = await outcome(() => this.#awsIdentity(limits));
    if (aws.ok) return aws;
    const azure = await outcome(() => this.#azureIdentity(limits));
    return azure.ok ? azure : { ok: false, message: `not on EC2: ${aws.message}; not on Azure: ${azure.message}` };
  }

  events(
    machine: MachineIdentity,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Metadata<readonly ScheduledEvent[]>> {
    const limits = { timeoutMs, signal };
    return outcome(() => (machine.cloud === "aws" ? this.#awsEvents(limits) : this.#azureEvents(limits)));
  }

  acknowledge(
    machine: MachineIdentity,
    eventIds: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Metadata<undefined>> {
    if (machine.cloud === "aws" || eventIds.length === 0) return Promise.resolve({ ok: true, value: undefined });
    const body = JSON.stringify({ StartRequests: eventIds.map((EventId) => ({ EventId })) });
    const headers = { ...AZURE_HEADERS, "content-type": "application/json" };
    return outcome(async () => {
      const answer = await this.#send({ method: "POST", path: AZURE_EVENTS, headers, body, timeoutMs, signal });
      if (answer.status !== 200) throw new MetadataError(`the start of events was answered with ${answer.status}`);
      return undefined;
    });
  }

  async #awsIdentity(limits: Limits): Promise<MachineIdentity> {
    const document = await this.#aws("/latest/dynamic/instance-identity/document", limits);
    const identity = awsIdentity(document);
    if (identity === undefined) throw new MetadataError("the instance identity document is not understood");
    return identity;
  }

  async #awsEvents(limits: Limits): Promise<ScheduledEvent[]> {
    const events: ScheduledEvent[] = [];
    for (const [path, read] of AWS_EVENTS) events.push(...read(await this.#aws(path, limits)));
    return events;
  }

  /** Undefined: 404, which is how EC2 says "none". */
  async #aws(path: string, limits: Limits): Promise<unknown> {
    const headers = { "X-aws-ec2-metadata-token": await this.#awsToken(limits) };
    const answer = await this.#send({ method: "GET", path, headers, ...limits });
    if (answer.status === 404) return undefined;
    if (answer.status === 401) this.#token = undefined;
    if (answer.status !== 200) throw new MetadataError(`GET ${path} was answered with ${answer.status}`);
    return JSON.parse(answer.text);
  }

  async #awsToken(limits: Limits): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#token !== undefined && nowMs - this.#token.askedMs < TOKEN_FRESH_MS) return this.#token.text;
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) };
    const answer = await this.#send({ method: "PUT", path: "/latest/api/token", headers, ...limits });
    if (answer.status !== 200) throw new MetadataError(`PUT /latest/api/token was answered with ${answer.status}`);
    this.#token = { text: answer.text.trim(), askedMs: nowMs };
    return this.#token.text;
  }

  async #azureIdentity(limits: Limits): Promise<AzureMachine> {
    const machine = azureMachine(await this.#azure(AZURE_COMPUTE, limits));
    if (machine === undefined) throw new MetadataError("the compute document is not understood");
    this.#azureName = machine.name;
    return machine;
  }

  async #azureEvents(limits: Limits): Promise<ScheduledEvent[]> {
    return azureEvents(await this.#azure(AZURE_EVENTS, limits), this.#azureName);
  }

  async #azure(path: string, limits: Limits): Promise<unknown> {
    const answer = await this.#send({ method: "GET", path, headers: AZURE_HEADERS, ...limits });
    if (answer.status !== 200) throw new MetadataError(`GET ${path} was answered with ${answer.status}`);
    return JSON.parse(answer.text);
  }

  #send({ method, path, headers, body, timeoutMs, signal }: Call): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const url = `${this.#base}${path}`;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const sent = request(url, {
      method,
      headers: { ...headers, ...length, connection: "close" },
      agent: false,
      signal,
    });
    const timer = this.#clock.setTimer(timeoutMs, () => {
      sent.destroy(new MetadataError(`no answer from ${this.#base} within ${timeoutMs} ms`));
    });
    sent.on("close", () => timer.cancel());
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_BYTES) sent.destroy(new MetadataError(`the answer of ${path} is too long`));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end(body);
    return promise;
  }
}

async function outcome<T>(work: () => Promise<T>): Promise<Metadata<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    return { ok: false, message: messageOf(thrown) };
  }
}

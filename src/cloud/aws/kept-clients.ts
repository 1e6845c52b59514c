/**
 * Warm clients, one per region and identity, made on first use and kept. Everybody who asks for the same region and
 * identity shares connections, call budget and answers.
 */
import type { AwsCredentials } from "./sdk-caller.ts";

/** Most identities at once; the one made first is closed and forgotten. Rotated keys leave their clients behind. */
const MAX_CLIENTS = 64;

export class KeptClients<Client extends { close(): void }> {
  readonly #make: (region: string, credentials: AwsCredentials | undefined) => Promise<Client>;
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(make: (region: string, credentials: AwsCredentials | undefined) => Promise<Client>) {
    this.#make = make;
  }

  /** `credentials` undefined: the ambient identity. Rejects as making does. */
  of(region: string, credentials: AwsCredentials | undefined): Promise<Client> {
    const identity =
      credentials === undefined ? "ambient" : `${credentials.accessKeyId} ${credentials.secretAccessKey}`;
    const key = `${region} ${identity}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = this.#make(region, credentials);
    this.#clients.set(key, made);
    // A client that could not be made (say, out of memory while the SDK loads) is tried again by the next caller.
    made.catch(() => this.#clients.delete(key));
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MAX_CLIENTS && oldest !== undefined) this.#forget(oldest);
    return made;
  }

  close(): void {
    for (const key of this.#clients.keys()) this.#forget(key);
  }

  #forget(key: string): void {
    this.#clients.get(key)?.then(
      (client) => client.close(),
      () => undefined,
    );
    this.#clients.delete(key);
  }
}

/** The options of an SDK client. `endpoints`: per service and region, `ec2.REGION` before `ec2`. */
export function clientOptionsFor(
  service: string,
  region: string,
  credentials: AwsCredentials | undefined,
  endpoints: Readonly<Record<string, string>>,
): { region: string; endpoint?: string; credentials?: AwsCredentials } {
  const endpoint = endpoints[`${service}.${region}`] ?? endpoints[service];
  return {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

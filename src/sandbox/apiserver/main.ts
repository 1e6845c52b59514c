/**
 * `understudy sandbox-apiserver`: the embedded API server as a process. The composition root: real clock, real sockets,
 * a journal when asked for.
 */
import { readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { messageOf } from "../../lib/errors.ts";
import { systemClock } from "../../host/system-clock.ts";
import { systemRandom } from "../../host/system-random.ts";
import { ApiServerCore } from "./core.ts";
import { Faults } from "./faults.ts";
import { HttpShell, type HttpShellOptions } from "./http/server.ts";
import { authenticator } from "./identity.ts";
import { Journal } from "./journal.ts";
import type { CoreOptions } from "./requests.ts";
import { Store } from "./store.ts";

export interface ApiServerOptions {
  /** TCP address; port 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Path of a Unix socket; an old socket there is replaced. */
  readonly unix?: string;
  /** Journal; without it everything is gone with the process. */
  readonly data?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Contents of a static token file (`token,user,uid,"group1,group2"` per line); without it every token is accepted. */
  readonly tokens?: string;
  /** Serve `/sandbox/faults`. */
  readonly faultEndpoint?: boolean;
  /** Between two bookmarks of a watch, in milliseconds. */
  readonly bookmarkIntervalMs?: number;
  readonly autoCreateNamespaces?: boolean;
  readonly admit?: NonNullable<CoreOptions["admit"]>;
}

export interface RunningApiServer {
  /** 0 when it listens on no TCP address. */
  readonly port: number;
  readonly core: ApiServerCore;
  readonly faults: Faults;
  /** Ends watches, breaks connections, closes the journal. */
  close(): Promise<void>;
}

const HISTORY = 20_000;

export async function runApiServer(options: ApiServerOptions): Promise<RunningApiServer> {
  const store = new Store({ historyLimit: HISTORY });
  const journal = options.data === undefined ? undefined : new Journal(options.data, store);
  const core = new ApiServerCore({
    clock: systemClock,
    random: systemRandom,
    store,
    autoCreateNamespaces: options.autoCreateNamespaces ?? false,
    ...(options.bookmarkIntervalMs === undefined
      ? {}
      : { watchTimings: { bookmarkIntervalMs: options.bookmarkIntervalMs } }),
    ...(options.admit === undefined ? {} : { admit: options.admit }),
  });
  const faults = new Faults(systemRandom);
  const shellOptions = {
    core,
    faults,
    faultEndpoint: options.faultEndpoint ?? false,
    authenticate: authenticator(options.tokens),
  };
  const shells: HttpShell[] = [];
  if (options.unix !== undefined) {
    rmSync(options.unix, { force: true });
    const shell = new HttpShell(shellOptions);
    await listening(shell, { path: options.unix });
    shells.push(shell);
  }
  let port = 0;
  if (options.listen !== undefined) {
    const shell = new HttpShell({ ...shellOptions, ...(await tlsOptions(options.tls)) });
    await listening(shell, options.listen);
    port = (shell.server.address() as AddressInfo).port;
    shells.push(shell);
  }
  const close = async (): Promise<void> => {
    core.close();
    await Promise.all(shells.map(stopped));
    journal?.close();
  };
  return { port, core, faults, close };
}

/** TLS costs start-up time, so it is loaded only where it is used. */
async function tlsOptions(tls: ApiServerOptions["tls"]): Promise<Pick<HttpShellOptions, "createServer">> {
  if (tls === undefined) return {};
  const { createServer } = await import("node:https");
  return { createServer: (onRequest) => createServer(tls, onRequest) };
}

async function listening(shell: HttpShell, where: { host: string; port: number } | { path: string }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    shell.server.once("error", reject);
    shell.server.listen(where, () => {
      shell.server.off("error", reject);
      resolve();
    });
  });
}

async function stopped(shell: HttpShell): Promise<void> {
  await new Promise<void>((resolve) => {
    shell.server.close(() => resolve());
    shell.cutConnections();
  });
}

const USAGE = `Usage: understudy sandbox-apiserver [options]

A Kubernetes API server for the sandbox and for tests; not for production.

  --listen HOST:PORT   TCP address (port 0: any free one)
  --unix PATH          Unix socket
  --data FILE          keep objects in this journal
  --tls-cert FILE      serve HTTPS on --listen, with
  --tls-key FILE       this certificate and key (PEM)
  --token-auth-file FILE
                       accept only these bearer tokens (token,user,uid,"groups"); else all are accepted
  --bookmark-interval MS
                       between two bookmarks of a watch (60000)
  --faults             serve /sandbox/faults

Example: understudy sandbox-apiserver --listen 127.0.0.1:0 --data /tmp/api.journal
It prints "listening on HOST:PORT" once it is ready.

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start, 2 wrong usage.
`;

function readOptions(argv: readonly string[]): ApiServerOptions | "help" | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        listen: { type: "string" },
        unix: { type: "string" },
        data: { type: "string" },
        "tls-cert": { type: "string" },
        "tls-key": { type: "string" },
        "token-auth-file": { type: "string" },
        "bookmark-interval": { type: "string" },
        faults: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const { listen, unix, data, "tls-cert": cert, "tls-key": key, "token-auth-file": tokenFile } = values;
    const interval = values["bookmark-interval"];
    if (listen === undefined && unix === undefined) return { wrong: "give --listen or --unix" };
    const address = listen === undefined ? undefined : parseAddress(listen);
    if (listen !== undefined && address === undefined) return { wrong: `--listen: not HOST:PORT: ${listen}` };
    if ((cert === undefined) !== (key === undefined)) return { wrong: "--tls-cert and --tls-key go together" };
    if (interval !== undefined && !/^[1-9]\d{0,8}$/.test(interval))
      return { wrong: "--bookmark-interval: not milliseconds" };
    return {
      faultEndpoint: values.faults,
      ...(address === undefined ? {} : { listen: address }),
      ...(unix === undefined ? {} : { unix }),
      ...(data === undefined ? {} : { data }),
      ...(interval === undefined ? {} : { bookmarkIntervalMs: Number(interval) }),
      ...(cert === undefined || key === undefined
        ? {}
        : { tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } }),
      ...(tokenFile === undefined ? {} : { tokens: readFileSync(tokenFile, "utf8") }),
    };
  } catch (thrown) {
    return { wrong: messageOf(thrown) };
  }
}

function parseAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  return { host: (match[1] ?? "").replaceAll(/^\[|\]$/g, ""), port: Number(match[2]) };
}

/** Resolves to the exit code when the process was told to end. */
export async function runApiServerProcess(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if ("wrong" in options) {
    process.stderr.write(`sandbox-apiserver: ${options.wrong}\n\n${USAGE}`);
    return 2;
  }
  try {
    const running = await runApiServer(options);
    const where = options.listen === undefined ? [] : [`${options.listen.host}:${running.port}`];
    const unix = options.unix === undefined ? [] : [options.unix];
    process.stdout.write(`listening on ${[...where, ...unix].join(" ")}\n`);
    await new Promise<void>((resolve) => {
      process.once("SIGTERM", () => resolve());
      process.once("SIGINT", () => resolve());
    });
    await running.close();
    return 0;
  } catch (thrown) {
    process.stderr.write(`sandbox-apiserver: ${messageOf(thrown)}\n`);
    return 1;
  }
}

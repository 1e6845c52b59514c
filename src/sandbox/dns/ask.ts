/** One question to one name server over UDP, past every cache: how a scenario sees what the zone's servers say. */
import { createSocket } from "node:dgram";
import { decode, encode, type DecodedPacket } from "dns-packet";

export interface DnsServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, ...; `Silent`: no answer in time. */
  readonly code: string;
  readonly addresses: readonly string[];
  /** In seconds; undefined without an address. */
  readonly ttl: number | undefined;
  readonly isAuthoritative: boolean;
}

const SILENT: DnsAnswer = { code: "Silent", addresses: [], ttl: undefined, isAuthoritative: false };

/** The A records of a name. Never rejects: a server that cannot be reached is silent. */
export function askForAddress(server: DnsServerAddress, name: string, timeoutMs: number): Promise<DnsAnswer> {
  const socket = createSocket("udp4");
  const id = Math.floor(Math.random() * 65_536);
  return new Promise<DnsAnswer>((resolve) => {
    const timer = setTimeout(() => end(SILENT), timeoutMs);
    const end = (answer: DnsAnswer): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.close();
      resolve(answer);
    };
    socket.on("error", () => end(SILENT));
    socket.on("message", (bytes) => {
      const packet = decode(bytes);
      if (packet.id === id) end(answerOf(packet));
    });
    const questions = [{ type: "A" as const, name: name.replace(/\.$/, "") }];
    socket.send(encode({ type: "query", id, questions }), server.port, server.host);
  });
}

function answerOf(packet: DecodedPacket & { readonly rcode?: string }): DnsAnswer {
  const found = (packet.answers ?? []).flatMap((answer) => (answer.type === "A" ? [answer] : []));
  return {
    code: packet.rcode ?? "NOERROR",
    addresses: found.map((answer) => answer.data),
    ttl: found[0]?.ttl,
    isAuthoritative: packet.flag_aa,
  };
}

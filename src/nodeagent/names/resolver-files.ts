/**
 * What the node's own files say about names: resolv.conf(5) and hosts(5). Pure; text in, values out.
 *
 * A name server may be written with a port (`127.0.0.1:5353`), as c-ares reads it; the C library knows none.
 */
import { isIP } from "node:net";

/** resolv.conf(5) takes three; nothing forbids more to other resolvers. */
const MAX_SERVERS = 8;

/** In the order in which they are asked. */
export function nameServersOf(resolvConf: string): string[] {
  const servers = linesOf(resolvConf, /[#;].*$/).flatMap((line) => {
    const [keyword, server] = line.split(/\s+/);
    return keyword === "nameserver" && server !== undefined && isServer(server) ? [bracketed(server)] : [];
  });
  return servers.slice(0, MAX_SERVERS);
}

function isServer(text: string): boolean {
  return isIP(withoutZone(text)) !== 0 || /^[0-9.]+:[0-9]{1,5}$/.test(text);
}

function withoutZone(text: string): string {
  return text.replace(/%.*$/, "");
}

function bracketed(server: string): string {
  return isIP(withoutZone(server)) === 6 ? `[${server}]` : server;
}

/** IPv4 addresses that the hosts file gives `name`; names are compared without case and without a last dot. */
export function hostsEntriesOf(hosts: string, name: string): string[] {
  const wanted = plain(name);
  const found = linesOf(hosts, /#.*$/).flatMap((line) => {
    const [address = "", ...names] = line.split(/\s+/);
    return isIP(address) === 4 && names.some((known) => plain(known) === wanted) ? [address] : [];
  });
  return [...new Set(found)];
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function linesOf(text: string, comment: RegExp): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(comment, "").trim())
    .filter((line) => line !== "");
}

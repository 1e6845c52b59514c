/**
 * Who is asking. With a token file, as the real server's static token file; without one, every caller is accepted and a
 * bearer token that looks like a user name is taken for one, so that each sandbox process has a name of its own.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
import type { User } from "./requests.ts";

const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9:._@-]{0,252}$/;

export function authenticator(tokenFile: string | undefined): (token: string | undefined) => User | undefined {
  if (tokenFile === undefined) return acceptAll;
  const users = parseTokenFile(tokenFile);
  return (token) => (token === undefined ? undefined : users.get(token));
}

function acceptAll(token: string | undefined): User {
  if (token === undefined) return ANONYMOUS;
  return { name: USER_NAME.test(token) ? token : "bearer", groups: ["system:authenticated"] };
}

function parseTokenFile(text: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const line of text.split("\n")) {
    const match = /^([^,#\s]+),([^,]+),([^,]*)(?:,"?([^"]*)"?)?$/.exec(line.trim());
    if (match === null) continue;
    const [, token = "", name = "", , groups = ""] = match;
    const listed = groups.split(",").map((group) => group.trim());
    users.set(token, { name, groups: [...listed.filter((group) => group !== ""), "system:authenticated"] });
  }
  return users;
}

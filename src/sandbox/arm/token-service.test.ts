import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { selfSigned } from "./certificate.ts";
import { TokenService } from "./token-service.ts";

const DAY_MS = 86_400_000;
const CLIENT = { tenantId: "tenant", clientId: "client" };

function ask(service: TokenService, proof: Readonly<Record<string, string>>): { status: number; body: unknown } {
  const form = new URLSearchParams({ client_id: "client", grant_type: "client_credentials", ...proof });
  const { status, body } = service.answer("/tenant/oauth2/v2.0/token", form.toString(), "https://localhost");
  return { status, body };
}

function serviceOf(identity: object, clock = new FakeClock()): { service: TokenService; clock: FakeClock } {
  return { clock, service: new TokenService([{ ...CLIENT, ...identity }], { clock, random: seededRandom() }) };
}

describe("the tokens of the emulated Azure", () => {
  it("end after an hour", async () => {
    const { service, clock } = serviceOf({ clientSecret: "s" });
    const { body } = ask(service, { client_secret: "s" });
    const authorization = `Bearer ${(body as { access_token: string }).access_token}`;
    expect(service.identityOf(authorization)).toMatchObject(CLIENT);
    await clock.advance(3_600_000);
    expect(service.identityOf(authorization)).toBeUndefined();
  });

  it("are not given to a certificate that has ended", () => {
    const clock = new FakeClock();
    const { cert } = selfSigned("client", clock.wallMs());
    const { service } = serviceOf({ certificate: cert }, clock);
    clock.stepWall(366 * DAY_MS);
    expect(ask(service, { client_assertion: "a.b.c" })).toMatchObject({
      status: 401,
      body: { error: "invalid_client", error_codes: [700027], error_description: expect.stringContaining("expired") },
    });
  });

  it("are not given to an assertion of another key, nor to one that is none", () => {
    const clock = new FakeClock();
    const { cert } = selfSigned("client", clock.wallMs());
    const { service } = serviceOf({ certificate: cert }, clock);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const head = Buffer.from(JSON.stringify({ alg: "RS256" })).toString("base64url");
    const signed = `${head}.e30`;
    const foreign = `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
    for (const assertion of [foreign, "rubbish", ""])
      expect(ask(service, { client_assertion: assertion })).toMatchObject({ status: 401 });
  });

  it.each([
    [{ client_secret: "other" }, 7000215],
    [{}, 7000218],
    [{ client_id: "nobody", client_secret: "s" }, 700016],
  ])("are refused for %o with Entra's code %i", (proof, code) => {
    const { service } = serviceOf({ clientSecret: "s" });
    expect(ask(service, proof)).toMatchObject({ status: 401, body: { error_codes: [code] } });
  });
});

/** What every AddressPort promises. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AddressPort, holdersOf, isOurLabel } from "../../../src/nodeagent/address/port.ts";

export interface AddressesUnderTest {
  readonly port: AddressPort;
  /** An interface that exists. */
  readonly interface: string;
  /** Changes the address from outside, as an operator with `ip` would. */
  tamper(verb: "add" | "remove", address: string): Promise<void>;
  close(): Promise<void>;
}

const VIP = "10.1.0.20";
const OTHER = "10.1.0.21";

export function addressPortContract(open: () => Promise<AddressesUnderTest>): void {
  let under: AddressesUnderTest;

  beforeEach(async () => {
    under = await open();
  });
  afterEach(async () => {
    await under.close();
  });

  test("an address that was added is on the interface, alone, with 32 bits", async () => {
    const after = await under.port.add(under.interface, VIP);
    expect(holdersOf(after, VIP)).toEqual([under.interface]);
    const held = (await under.port.interfaces())
      .flatMap((facts) => facts.addresses)
      .find((found) => found.address === VIP);
    expect(held?.prefixLength).toBe(32);
  });

  test("adding twice and removing twice succeed", async () => {
    await under.port.add(under.interface, VIP);
    await under.port.add(under.interface, VIP);
    expect(holdersOf(await under.port.interfaces(), VIP)).toHaveLength(1);
    await under.port.remove(under.interface, VIP);
    const after = await under.port.remove(under.interface, VIP);
    expect(holdersOf(after, VIP)).toEqual([]);
  });

  test("removing one address leaves the others", async () => {
    await under.port.add(under.interface, VIP);
    await under.port.add(under.interface, OTHER);
    const after = await under.port.remove(under.interface, VIP);
    expect(holdersOf(after, OTHER)).toEqual([under.interface]);
  });

  test("an address that is unmarked stays, and is not ours any more", async () => {
    await under.port.add(under.interface, VIP);
    await under.port.unmark?.(under.interface, VIP);
    const held = (await under.port.interfaces())
      .flatMap((facts) => facts.addresses)
      .find((found) => found.address === VIP);
    expect(held).toBeDefined();
    expect(isOurLabel(held?.label ?? "")).toBe(false);
  });

  test("an interface that does not exist is refused", async () => {
    await expect(under.port.add("nope0", VIP)).rejects.toMatchObject({ code: "Refused" });
  });

  test("after a refusal the port still works", async () => {
    await expect(under.port.add("nope0", VIP)).rejects.toThrow();
    expect(holdersOf(await under.port.add(under.interface, VIP), VIP)).toEqual([under.interface]);
  });

  test("a change made from outside is announced to the watcher and seen by the next read", async () => {
    await under.port.add(under.interface, VIP);
    const abort = new AbortController();
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    under.port.watch(resolve, abort.signal);
    // The watcher needs a moment to subscribe: change until it notices.
    const seen = { noticed: false };
    void changed.then(() => (seen.noticed = true));
    while (!seen.noticed) {
      await under.tamper("remove", VIP);
      await Promise.race([changed, new Promise((done) => setImmediate(done))]);
      if (!seen.noticed) await under.tamper("add", VIP);
    }
    abort.abort();
    await under.tamper("remove", VIP);
    expect(holdersOf(await under.port.interfaces(), VIP)).toEqual([]);
  });

  test("many requests at once are all carried out", async () => {
    const addresses = Array.from({ length: 20 }, (_, index) => `10.1.0.${index + 30}`);
    await Promise.all(addresses.map((address) => under.port.add(under.interface, address)));
    const facts = await under.port.interfaces();
    expect(addresses.filter((address) => holdersOf(facts, address).length === 1)).toEqual(addresses);
  });
}

import { expect, it } from "vitest";
import { holdsLocalAddress } from "./address-presence.ts";

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 2 0 2
     |-- 10.0.1.0
        /24 link UNICAST
Local:
     |-- 10.0.1.10
        /32 host LOCAL
     |-- 10.0.1.255
        /32 link BROADCAST
     |-- 10.1.0.20
        /32 host LOCAL
`;

it("finds an address of this machine in the kernel's table, and no other", () => {
  expect(holdsLocalAddress(FIB_TRIE, "10.1.0.20")).toBe(true);
  expect(holdsLocalAddress(FIB_TRIE, "10.0.1.255")).toBe(false);
  expect(holdsLocalAddress(FIB_TRIE, "10.1.0.2")).toBe(false);
  expect(holdsLocalAddress(FIB_TRIE, "10.0.1.0")).toBe(false);
});

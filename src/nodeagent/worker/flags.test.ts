import { expect, test } from "vitest";
import { DEFAULT_EXEC_DIRECTORY, parseWorkerOptions } from "./flags.ts";

test("the defaults are those of the agent", () => {
  expect(parseWorkerOptions(["--node", "node1"])).toMatchObject({
    node: "node1",
    stateFolder: "/run/understudy",
    hostRoot: "/",
    execDirectories: [DEFAULT_EXEC_DIRECTORY],
    addressBackend: "linux",
    probeAddress: "0.0.0.0",
    stopBudgetMs: 2_400,
    requestTimeoutMs: 1_000,
  });
});

test("flags of the guard alone are passed over", () => {
  const argv = [
    "--node",
    "node1",
    "--watchdog-mode",
    "Off",
    "--metrics-port",
    "9811",
    "--preset",
    "fast",
    "--exec-directory",
    "/a",
    "--exec-directory",
    "/b",
  ];
  expect(parseWorkerOptions(argv)).toMatchObject({ stopBudgetMs: 600, execDirectories: ["/a", "/b"] });
});

test("without interfaces of its own a node listens for probes on its peer address only", () => {
  const argv = ["--node", "node1", "--peer-address", "127.0.2.1", "--address-backend", "file"];
  expect(parseWorkerOptions(argv).probeAddress).toBe("127.0.2.1");
  expect(parseWorkerOptions(argv.slice(0, 4)).probeAddress).toBe("0.0.0.0");
});

test("a node without a name is wrong usage", () => {
  expect(() => parseWorkerOptions([])).toThrow(/--node/);
});

test("the cloud's metadata is asked for, unless switched off or the node only pretends to have interfaces", () => {
  const url = (...argv: string[]) => parseWorkerOptions(["--node", "node1", ...argv]).metadataUrl;
  expect(url()).toBe("http://169.254.169.254");
  expect(url("--metadata-url", "none")).toBeUndefined();
  expect(url("--metadata-url", "http://127.0.0.1:8099")).toBe("http://127.0.0.1:8099");
  expect(url("--address-backend", "file")).toBeUndefined();
  expect(url("--address-backend", "file", "--metadata-url", "http://127.0.0.1:8099")).toBe("http://127.0.0.1:8099");
});

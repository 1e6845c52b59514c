import { describe, expect, test } from "vitest";
import { isTest, readSources, type SourceFile } from "./sources.ts";

/** Which folders of `src` a folder may import; a folder that is not named here is a mistake. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  api: ["lib", "kube/ports.ts"],
  kube: ["lib"],
  host: ["lib"],
  cloud: ["lib"],
  controller: ["lib", "kube", "api"],
  "controller/composition.ts": ["lib", "kube", "api", "cloud", "controller", "reconcilers"],
  "controller/main.ts": ["lib", "kube", "api", "host", "cloud", "controller", "reconcilers"],
  reconcilers: ["lib", "api", "kube", "controller", "cloud"],
  // The recorder of Events knows no kind: agents tell people what they see in the same way.
  nodeagent: ["lib", "api", "kube", "host", "controller/event-recorder.ts"],
  cli: [
    "lib",
    "api",
    "kube",
    "host",
    "cloud/permissions",
    "cloud/fencing-ports.ts",
    "cloud/vm-ref.ts",
    "reconcilers/failover-group",
    "reconcilers/pointer/members.ts",
    "reconcilers/shared",
  ],
  console: ["lib", "api", "kube"],
  sandbox: ["lib", "api", "kube", "host"],
};

/** Packages and the only places that may import them. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  "@kubernetes/client-node": /^src\/kube\/kubeconfig-library\.ts$|^test\//,
  "@aws-sdk/client-ec2": /^src\/cloud\/aws\/|^test\/|^bench\//,
  "@azure/arm-compute": /^src\/cloud\/azure\//,
  "@azure/identity": /^src\/cloud\/azure\//,
  pino: /^src\/host\//,
  "prom-client": /^src\/host\/|^test\//,
  commander: /^src\/(cli|sandbox|main\.ts)/,
};

/** Files that decide: no adapter, SDK, socket or file may reach them. */
const PURE =
  /(^|\/)(plan|checks|[a-z-]*-machine|activation-order|timings|conditions|session-observer)[a-z-]*\.ts$|\/(plan|checks)\//;

const files = readSources("src", "test", "scripts", "bench").filter((file) => file.lines > 0);
const production = files.filter((file) => file.path.startsWith("src/") && !isTest(file));

function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function mayImport(file: SourceFile, target: string): boolean {
  const inside = file.path.replace(/^src\//, "");
  const own = folderOf(file.path);
  const allowed = ALLOWED[inside] ?? ALLOWED[own] ?? [];
  const goal = target.replace(/^src\//, "");
  return own === folderOf(target) || allowed.some((entry) => goal === entry || goal.startsWith(`${entry}/`));
}

describe("imports", () => {
  test("point one way between the folders of src", () => {
    const wrong = production
      .filter((file) => file.path !== "src/main.ts")
      .flatMap((file) =>
        file.imports
          .filter((found) => found.target.startsWith("src/") && !mayImport(file, found.target))
          .map((found) => `${file.path} -> ${found.target}`),
      );
    expect(wrong).toEqual([]);
  });

  test("every folder of src is named in the table of directions", () => {
    const unknown = new Set(
      production
        .filter((file) => file.path !== "src/main.ts")
        .map((file) => folderOf(file.path))
        .filter((folder) => !(folder in ALLOWED)),
    );
    expect([...unknown]).toEqual([]);
  });

  test("nothing in src imports tests", () => {
    expect(
      production.flatMap((file) =>
        file.imports
          .filter((found) => found.target.startsWith("test/"))
          .map((found) => `${file.path} -> ${found.target}`),
      ),
    ).toEqual([]);
  });

  test("a package stays behind the module that wraps it", () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter(
          (found) => !found.isType && found.target in PACKAGES && PACKAGES[found.target]?.test(file.path) !== true,
        )
        .map((found) => `${file.path} -> ${found.target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("reconcilers of different kinds never import each other", () => {
    const kindOf = (path: string): string => /^src\/reconcilers\/([a-z-]+)\//.exec(path)?.[1] ?? "";
    const wrong = production
      .filter((file) => kindOf(file.path) !== "")
      .flatMap((file) =>
        file.imports
          .filter(
            (found) =>
              kindOf(found.target) !== "" &&
              !["shared", "pointer", "dns"].includes(kindOf(found.target)) &&
              kindOf(found.target) !== kindOf(file.path),
          )
          .map((found) => `${file.path} -> ${found.target}`),
      );
    expect(wrong).toEqual([]);
  });

  test("cloud adapters never see each other", () => {
    const wrong = production.flatMap((file) =>
      file.imports
        .filter(
          (found) =>
            (file.path.startsWith("src/cloud/aws/") && found.target.startsWith("src/cloud/azure/")) ||
            (file.path.startsWith("src/cloud/azure/") && found.target.startsWith("src/cloud/aws/")),
        )
        .map((found) => `${file.path} -> ${found.target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("files that decide import no adapter, no SDK and nothing of the operating system", () => {
    const wrong = production
      .filter((file) => PURE.test(file.path))
      .flatMap((file) =>
        file.imports
          .filter(
            (found) =>
              !found.isType &&
              (found.target.startsWith("node:") ||
                found.target.startsWith("src/host/") ||
                found.target.includes("/linux/") ||
                found.target.startsWith("@") ||
                found.target === "pino" ||
                found.target === "prom-client"),
          )
          .map((found) => `${file.path} -> ${found.target}`),
      );
    expect(wrong).toEqual([]);
  });
});

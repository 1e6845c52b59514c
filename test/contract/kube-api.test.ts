import { crdOf } from "../../src/api/crd.ts";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { DEFINITIONS } from "../../src/api/definitions.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import { systemRandom } from "../../src/host/system-random.ts";
import { openCluster } from "../../src/kube/connection.ts";
import { type KubeApi, type KubeObject, type ResourceType } from "../../src/kube/ports.ts";
import { RestKubeApi } from "../../src/kube/rest-client.ts";
import { runApiServer } from "../../src/sandbox/apiserver/main.ts";
import { describe, it, vi } from "vitest";
import { InProcessKube, installCrds } from "../fakes/in-process-kube.ts";
import { kubeApiContract, type KubeApiSetting } from "./kube-api.suite.ts";

const NAMESPACE: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};
const CRD: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

async function inNewNamespace(api: KubeApi, dispose: () => Promise<void>): Promise<KubeApiSetting> {
  const namespace = `contract-${systemRandom.uuid().slice(0, 8)}`;
  await api.create<KubeObject>(NAMESPACE, { metadata: { name: namespace } });
  return { api, namespace, dispose };
}

kubeApiContract("in-process fake", async () => {
  const api = InProcessKube.create({ clock: systemClock });
  return await inNewNamespace(api, async () => {
    api.core.close();
    await Promise.resolve();
  });
});

kubeApiContract("REST over the embedded server", async () => {
  const server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 } });
  installCrds(server.core);
  const api = restApi({ baseUrl: `http://127.0.0.1:${server.port}` });
  return await inNewNamespace(api, async () => {
    api.close();
    await server.close();
  });
});

const kubeconfig = process.env["UNDERSTUDY_TEST_KUBECONFIG"];
if (kubeconfig === undefined) {
  describe("KubeApi: REST over a real kube-apiserver", () => {
    it.skip("needs UNDERSTUDY_TEST_KUBECONFIG to name a kubeconfig", () => undefined);
  });
} else {
  kubeApiContract("REST over a real kube-apiserver", async () => {
    const { connection } = await openCluster({ kubeconfig }, { clock: systemClock, environment: process.env });
    const api = restApi(connection);
    await establishCrds(api);
    const setting = await inNewNamespace(api, async () => {
      await api.delete(NAMESPACE, { namespace: "", name: setting.namespace });
      api.close();
    });
    return setting;
  });
}

function restApi(connection: ConstructorParameters<typeof RestKubeApi>[0]["connection"]): RestKubeApi {
  return new RestKubeApi({ connection, timeoutMs: 5_000, fieldManager: "contract" }, { clock: systemClock });
}

async function establishCrds(api: KubeApi): Promise<void> {
  for (const definition of Object.values(DEFINITIONS)) {
    const body = crdOf(definition) as unknown as KubeObject;
    await api.patch(
      CRD,
      { namespace: "", name: body.metadata.name },
      { type: "apply", body, fieldManager: "contract", force: true },
    );
  }
  await vi.waitFor(async () => await api.list(FAILOVER_GROUP), { timeout: 10_000, interval: 100 });
}

/** A kubeconfig for the embedded API server, which asks nobody who they are. */
import { stringify } from "yaml";

export function kubeconfigFor(server: string, user = "sandbox-admin"): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "understudy-sandbox",
    clusters: [{ name: "understudy-sandbox", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: user, user: {} }],
    contexts: [{ name: "understudy-sandbox", context: { cluster: "understudy-sandbox", user, namespace: "default" } }],
  });
}

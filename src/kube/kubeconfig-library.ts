/** The part of the Kubernetes client library that is used: what reads kubeconfigs and asks plugins. Imported when needed. */
export { KubeConfig } from "@kubernetes/client-node";

/** Namespaces of every simulated installation. */
export const NAMESPACE = "understudy-system";
export const GROUP_NAMESPACE = "ha";

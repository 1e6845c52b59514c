/** Namespaces of every simulated installation. */
export const NAMESPACE = "understudy-system";
export const GROUP_NAMESPACE = "ha";
/** The election's Lease; all others are of sessions. */
export const LEADER_LEASE = "understudy-controller";

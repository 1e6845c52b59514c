/**
 * Every metric of the product: the adapter registers exactly these, and `docs/reference/metrics.md` is generated
 * from here. Names follow the Prometheus conventions: prefix, base unit last, `_total` on counters.
 */
export interface MetricSpec {
  readonly type: "counter" | "gauge" | "histogram";
  readonly process: "controller" | "agent" | "both";
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram, in the unit of the name. */
  readonly buckets?: readonly number[];
}

const LATENCY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A cloud takes seconds to minutes to stop a machine. */
const FENCE_SECONDS = [0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 900];

export const METRICS = {
  understudy_leader: { type: "gauge", process: "controller", help: "1 while this replica holds the leader Lease" },
  understudy_reconcile_total: {
    type: "counter",
    process: "controller",
    help: "Reconciliations by kind and result (ok, error, deposed)",
    labels: ["kind", "result"],
  },
  understudy_reconcile_duration_seconds: {
    type: "histogram",
    process: "controller",
    help: "Time of one observe-plan-act round",
    labels: ["kind"],
    buckets: LATENCY_SECONDS,
  },
  understudy_work_queue_depth: {
    type: "gauge",
    process: "controller",
    help: "Keys waiting in a work queue",
    labels: ["queue"],
  },
  understudy_watch_restarts_total: {
    type: "counter",
    process: "both",
    help: "Watches started again, by resource and cause (closed, gone, idle, error, refreshed)",
    labels: ["resource", "cause"],
  },
  understudy_kube_request_duration_seconds: {
    type: "histogram",
    process: "both",
    help: "Requests to the Kubernetes API by verb and outcome",
    labels: ["verb", "outcome"],
    buckets: LATENCY_SECONDS,
  },
  understudy_cloud_call_duration_seconds: {
    type: "histogram",
    process: "controller",
    help: "Cloud API calls by provider, action and outcome",
    labels: ["provider", "action", "outcome"],
    buckets: LATENCY_SECONDS,
  },
  understudy_group_active: {
    type: "gauge",
    process: "controller",
    help: "1 for the member that holds the group",
    labels: ["namespace", "group", "node"],
  },
  understudy_group_epoch: {
    type: "gauge",
    process: "controller",
    help: "Last epoch granted",
    labels: ["namespace", "group"],
  },
  understudy_group_ready: {
    type: "gauge",
    process: "controller",
    help: "1 while the group is Ready",
    labels: ["namespace", "group"],
  },
  understudy_failover_total: {
    type: "counter",
    process: "controller",
    help: "Finished moves by cause and result",
    labels: ["namespace", "group", "cause", "result"],
  },
  understudy_failover_step_seconds: {
    type: "histogram",
    process: "controller",
    help: "Duration of each step of a move",
    labels: ["step"],
    buckets: LATENCY_SECONDS,
  },
  understudy_session_expired_total: {
    type: "counter",
    process: "controller",
    help: "Sessions ended by the leader, by kind of end",
    labels: ["end"],
  },
  understudy_fence_total: {
    type: "counter",
    process: "controller",
    help: "Steps of stopping a lost member's machine (Stopping, Proven, Failed, Limited)",
    labels: ["provider", "result"],
  },
  understudy_fence_duration_seconds: {
    type: "histogram",
    process: "controller",
    help: "Time from the decision to stop a machine to the proof that it is off",
    labels: ["provider"],
    buckets: FENCE_SECONDS,
  },
  understudy_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    process: "controller",
    help: "When the certificate in an object's credentials ends, in seconds since 1970",
    labels: ["kind", "namespace", "name"],
  },
  understudy_session_renewal_total: {
    type: "counter",
    process: "agent",
    help: "Session renewals by outcome (ok, resolved, unknown, lost)",
    labels: ["outcome"],
  },
  understudy_session_remaining_seconds: {
    type: "gauge",
    process: "agent",
    help: "Time left of this node's right to have anything active",
  },
  understudy_take_down_total: {
    type: "counter",
    process: "agent",
    help: "Complete take-downs by cause",
    labels: ["cause"],
  },
  understudy_hard_cut_total: {
    type: "counter",
    process: "agent",
    help: "Take-downs that had to be finished by killing",
  },
  understudy_watchdog_pets_total: { type: "counter", process: "agent", help: "Times the watchdog was petted" },
  understudy_watchdog_armed: { type: "gauge", process: "agent", help: "1 while the watchdog is armed" },
  understudy_heartbeat_received_total: {
    type: "counter",
    process: "agent",
    help: "Authentic heartbeats received by peer",
    labels: ["peer"],
  },
  understudy_heartbeat_dropped_total: {
    type: "counter",
    process: "agent",
    help: "Heartbeats dropped by reason (malformed, forged, replayed, foreign)",
    labels: ["reason"],
  },
  understudy_peer_alive: {
    type: "gauge",
    process: "agent",
    help: "1 while heartbeats of a peer arrive in time",
    labels: ["peer"],
  },
  understudy_resource_active: {
    type: "gauge",
    process: "agent",
    help: "1 while the local part of a resource is up on this node",
    labels: ["namespace", "group", "resource"],
  },
  understudy_resource_step_seconds: {
    type: "histogram",
    process: "agent",
    help: "Duration of local activations and deactivations",
    labels: ["kind", "step"],
    buckets: LATENCY_SECONDS,
  },
  understudy_delay_warnings_total: {
    type: "counter",
    process: "agent",
    help: "Renewals, heartbeats and readings that used most of the time they are allowed (Renewal, Heartbeat, Monitor)",
    labels: ["what"],
  },
  understudy_scheduled_events: {
    type: "gauge",
    process: "agent",
    help: "Maintenance events that the cloud announces for this machine, by type",
    labels: ["type"],
  },
  understudy_monitor_total: {
    type: "counter",
    process: "both",
    help: "Monitor readings by kind and result (good, bad, unknown)",
    labels: ["kind", "result"],
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

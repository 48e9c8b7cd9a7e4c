// What the ops API says and takes, under /api/v1. To be replaced by the types generated from the
// OpenAPI document; the names here are the wire's.

export type Role = "viewer" | "operator" | "release_owner";
export type Phase = "waiting" | "ramping" | "paused" | "completed" | "rolled_back";
export type Verdict = "healthy" | "thin" | "degraded" | "blind" | "breach";
export type Unit = "count" | "ratio" | "ms" | "seconds";
export type CommandName =
  | "start" | "pause" | "resume" | "advance" | "stage" | "approve" | "extend" | "rollback" | "restart" | "complete";

export interface Session { role: Role; name?: string }

export interface Stage {
  percent: number;
  soak_seconds: number;
  min_requests: number;
  state: "done" | "current" | "ahead";
  served_seconds: number;
  eta: string | null;
}

export interface Check {
  name: string;
  signal: string;
  verdict: Verdict;
  value: number | null;
  unit: Unit;
  advance_if: string | null;
  rollback_if: string | null;
  advance_limit: number | null;
  rollback_limit: number | null;
  samples: number | null;
  min_samples: number;
  /** null: the whole stage. */
  window_seconds: number | null;
  observed_at: string | null;
  why: string | null;
  /** Shown, and never decides. */
  shadow: boolean;
  /** What is asked, where it is a query. */
  query: string | null;
  /** What the requests of this stage prove; null where it counts none against a limit. */
  proof: Proof | null;
  /** The same measured on control; absent or null where it is not. */
  control?: number | null;
  /** How often the canary may fail, as a multiple of control, and the logarithm of the odds that it fails more often. */
  comparison?: { tolerance: number; ln_odds: number | null } | null;
}

export interface Proof { requests: number; beyond: number; limit: number; below: number | null; proven: boolean; missing: number | null; text: string }

/** What one user is served, and why, in the server's words; `targeted`: what an override says, null without one. */
export interface Subject { value: boolean; bucket: number; buckets: number; percent: number; targeted: boolean | null; sentence: string }

/** One attempt of a flag. */
export interface Attempt {
  rollout_id: string;
  attempt: number;
  phase: Phase;
  started_at: string;
  started_by: string;
  ended_at: string | null;
  highest_percent: number;
  sentence: string;
}

export interface Reason { code: string; text: string; eta: string | null }
export interface Cause { code: string; text: string; check?: string | null }

export interface Command {
  name: CommandName;
  legal: boolean;
  why: string | null;
  needs_reason: boolean;
  role: Role;
}

export type GateState = "proven" | "missing" | "failed" | "other_build" | "too_old" | "altered" | "unreadable";
export interface Artifact { id: string; name: string; sha256: string; size: number; media_type: string }
export interface GateItem {
  item: string;
  required: boolean;
  state: GateState;
  why: string;
  run: { id: string; passed: boolean; build: string; finished_at: string; recorded_by: string; artifacts: Artifact[] } | null;
}

export interface Gate {
  required: string[];
  recommended: string[];
  missing: string[];
  max_age_seconds: number;
  build: string;
  items: GateItem[];
}

/** Of the next stage. */
export interface Approval { needed: boolean; two_person: boolean; started_by: string; approved_by: string | null }

export interface Replica { id: string; build: string; seen_at: string; age_seconds: number; alive: boolean; leases: string[]; this: boolean }
export interface Viewer { id: number; name: string; since: string; revisions: Record<string, number>; behind_ms: number | null }
export interface Fleet {
  replicas: Replica[];
  viewers: Viewer[];
  viewers_total: number;
  propagation: { flag: string; revision: number; committed_at: string; slowest_ms: number | null; viewers: number } | null;
}

export interface Status {
  flag: string;
  rollout_id: string | null;
  revision: number;
  phase: Phase;
  stage: number | null;
  percent: number;
  exposure_valid_until: string | null;
  attempt: number;
  sentence: string;
  soak: { served_seconds: number; required_seconds: number };
  stages: Stage[];
  checks: Check[];
  decision: { kind: "hold" | "advance" | "complete" | "rollback"; reasons: Reason[] };
  next: { percent: number; eta: string | null } | null;
  started_at: string | null;
  stage_since: string | null;
  ended_at: string | null;
  cause: Cause | null;
  braked: boolean;
  traffic: { canary_per_second: number; control_per_second: number; canary_requests_in_stage: number; subjects: { canary: number; control: number }; realised_percent: number | null };
  gate: Gate;
  lease: { held: boolean; holder: string | null };
  commands: Command[];
  /** Times in which a stage may be entered; null where the policy has none, absent from older servers. */
  windows?: { open: boolean; until: string | null; why: string | null } | null;
  approval?: Approval | null;
  policy: { revision: string; source: string; error: string | null; offered: string | null };
  at: string;
}

export interface Entry {
  seq: number;
  at: string;
  kind: string;
  actor: string;
  reason: string | null;
  rollout_id: string | null;
  phase: Phase | null;
  stage: number | null;
  percent: number | null;
  cause: Cause | string | null;
  evidence: unknown;
  /** What happened, as the core wrote it; of a start, what of the gate was not proven. */
  event?: { missing_gate?: string[] };
  prev_hash: string | null;
  hash: string | null;
}

/** Why one decision came out as it did, in the server's words. */
export interface Explained { seq: number | null; text: string }

/** What broke a rollout: checks and readings are those of the decision, not of now. */
export interface RollbackReport {
  flag: string;
  rollout_id: string;
  attempt: number;
  sentence: string;
  rolled_back_at: string;
  timeline: { what: string; at: string; text: string }[];
  checks: Check[];
  explanation: Explained | null;
  entries: Entry[];
  readings: Series[];
}

export interface Target { name: string; kind: string; host: string; waiting: number; delivered: number; dead: number; last_error: string | null }
export interface Notifications { targets: Target[]; dead: { id: string; target: string; kind: string; text: string }[] }

export interface JournalPage { entries: Entry[]; next: number | string | null }

/** [epoch seconds, value, verdict, the same measured on control] */
export type Point = [number, number | null, Verdict, (number | null)?];
export interface Series { check: string; unit: Unit; points: Point[] }

export type ReportKind = "data_inconsistency" | "other";
export interface Report {
  id: number | string;
  kind: ReportKind;
  text: string;
  reporter: string;
  at: string;
  dismissed_at: string | null;
  dismissed_by: string | null;
  dismiss_reason: string | null;
}

export interface CommandBody {
  reason: string;
  percent?: number;
  override_gate?: boolean;
  extend_seconds?: number;
}

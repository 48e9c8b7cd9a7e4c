// One played rollout: its state, what moves it, its journal. Situations and commands call the same verbs.
import { createHash, randomUUID } from "node:crypto";
import { checksNow } from "./checks.mjs";

const iso = (ms) => (ms === null ? null : new Date(ms).toISOString());

export class World {
  flag = "part_lens_v2";
  stages = [[5, 3_600], [20, 7_200], [50, 14_400], [100, 28_800]].map(([percent, soak], index) => ({ percent, soak, min: index === 0 ? 100 : 0 }));
  phase = "waiting";
  stage = null;
  served = 0;
  extended = 0;
  revision = 1;
  attempt = 0;
  rolloutId = null;
  startedMs = 0;
  stageMs = 0;
  endedMs = null;
  cause = null;
  canaryRequests = 0;
  gateRequired = ["acceptance", "sql_evidence", "role_suggestions"];
  gateRecommended = ["stress", "storage_rls", "status_codes"];
  gateMissing = [];
  /** What was found on an item, where it is neither proven nor simply never run: {state, why}. */
  gateFound = {};
  spoiled = {};
  still = null;
  code = "soak";
  needsApproval = false;
  policyError = null;
  offered = null;
  leaseHeld = true;
  braked = false;
  other = null;
  signedIn = true;
  journal = [];
  reports = [];
  listeners = new Set();
  cutUntil = 0;

  constructor(role) {
    this.role = role;
    this.lastTick = Date.now();
    this.timer = setInterval(() => this.tick(), 1_000);
    this.timer.unref();
  }

  stop() {
    clearInterval(this.timer);
    this.other?.stop();
  }

  exposed() {
    return this.phase !== "waiting" && this.phase !== "rolled_back" || this.spoiledAtEnd();
  }

  /** After a rollback the checks still show what broke. */
  spoiledAtEnd() {
    return this.phase === "rolled_back" && Object.keys(this.spoiled).length > 0;
  }

  percent() {
    return this.phase === "waiting" || this.phase === "rolled_back" ? 0 : this.stages[this.stage].percent;
  }

  stageSeconds(now) {
    return this.stage === null ? 0 : (now - this.stageMs) / 1000;
  }

  required() {
    return this.stage === null ? 0 : this.stages[this.stage].soak + this.extended;
  }

  note(kind, { actor = "rampart", reason = "", cause = null, evidence, event = {}, at = Date.now() } = {}) {
    const before = this.journal[this.journal.length - 1];
    const entry = {
      seq: this.journal.length + 1, at: iso(at), kind, actor, reason, rollout_id: this.rolloutId, phase: this.phase,
      stage: this.stage, percent: this.percent(), cause: cause?.text ?? null,
      evidence: evidence ?? { soak: { served_seconds: Math.round(this.served), required_seconds: this.required() }, checks: checksNow(this, at) },
      event: { kind, ...event }, prev_hash: before?.hash ?? null,
    };
    entry.hash = createHash("sha256").update(JSON.stringify(entry)).digest("hex");
    this.journal.push(entry);
    this.tell("journal", entry, entry.seq);
    return entry;
  }

  tell(event, data, id) {
    for (const listener of this.listeners) listener(event, data, id);
  }

  begin(now) {
    this.attempt += 1;
    this.rolloutId = randomUUID();
    this.phase = "ramping";
    this.startedMs = now;
    this.endedMs = null;
    this.cause = null;
    this.spoiled = {};
    this.still = null;
    this.enter(0, now);
  }

  enter(stage, now) {
    this.stage = stage;
    this.stageMs = now;
    this.served = 0;
    this.extended = 0;
    this.canaryRequests = 0;
  }

  start(actor, reason, now = Date.now(), override = false) {
    this.begin(now);
    this.note("started", { actor, reason, event: { missing_gate: override ? this.gateMissing : [] }, at: now });
  }

  /** Puts the world into the midst of a stage, with the journal that leads there. */
  past(stage, served) {
    const total = this.stages.slice(0, stage).reduce((sum, one) => sum + one.soak, 0) + served;
    let at = Date.now() - (total + 120) * 1000;
    this.start("ops:anna", "gate met, yard is quiet", at);
    for (let next = 1; next <= stage; next += 1) {
      at += this.stages[next - 1].soak * 1000;
      this.served = this.stages[next - 1].soak;
      this.canaryRequests = 1_400 * next;
      this.enter(next, at);
      this.note("advanced", { at, cause: { code: "soak_served", text: `soak of ${this.stages[next - 1].soak / 3600} h served, every check healthy` } });
    }
    this.served = served;
    this.canaryRequests = Math.round(served * 0.42);
  }

  pause(actor, reason) { this.phase = "paused"; this.note("paused", { actor, reason }); }
  resume(actor, reason) { this.phase = "ramping"; this.note("resumed", { actor, reason }); }
  advance(actor, reason) {
    if (this.stage === this.stages.length - 1) return this.complete(actor, reason);
    this.enter(this.stage + 1, Date.now());
    this.still = null;
    this.needsApproval = false;
    return this.note("advanced", { actor, reason });
  }
  setStage(actor, reason, percent) {
    this.enter(this.stages.findIndex((one) => one.percent === percent), Date.now());
    this.note("stage_set", { actor, reason });
  }
  complete(actor, reason) { this.phase = "completed"; this.endedMs = Date.now(); this.note("completed", { actor, reason }); }
  rollBack(actor, cause, reason, evidence) {
    const checks = checksNow(this, Date.now());
    this.phase = "rolled_back";
    this.endedMs = Date.now();
    this.cause = cause;
    this.braked = false;
    this.note("rolled_back", { actor, reason, cause, evidence: { ...evidence, checks } });
  }

  addReport(kind, text, reporter) {
    const report = { id: this.reports.length + 1, kind, text, reporter, at: iso(Date.now()), dismissed_at: null, dismissed_by: null, dismiss_reason: null };
    this.reports.push(report);
    if (kind === "data_inconsistency" && this.exposed() && this.phase !== "rolled_back") {
      this.rollBack("rampart", { code: "breach", check: "data_inconsistency", text: "a report of wrong data, none allowed" }, "", { report: text });
    }
    return report;
  }

  tick() {
    const now = Date.now();
    const passed = Math.min(2, (now - this.lastTick) / 1000);
    this.lastTick = now;
    if (this.phase === "ramping" || this.phase === "completed") this.canaryRequests += Math.round(2 + Math.random() * 2);
    if (this.phase === "ramping" && !this.still) {
      this.served = Math.min(this.required(), this.served + passed);
      if (this.served >= this.required()) this.advance("rampart", "");
    }
    if (this.onStatus) this.onStatus();
  }
}

// The Status that the API shows of a played world.
import { gateNow } from "./gate.mjs";
import { checksNow } from "./checks.mjs";

const iso = (ms) => (ms ? new Date(ms).toISOString() : null);
const hhmm = (ms) => new Date(ms).toISOString().slice(11, 16);
const span = (seconds) => (seconds >= 3600 ? `${Math.floor(seconds / 3600)} h${seconds % 3600 >= 60 ? ` ${Math.floor((seconds % 3600) / 60)} min` : ""}` : seconds >= 60 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`);

export function statusOf(world, now = Date.now()) {
  const moving = world.phase === "ramping" && !world.still;
  const left = Math.max(0, world.required() - world.served);
  let reach = now + left * 1000;
  const stages = world.stages.map((stage, index) => {
    const state = world.stage === null || index > world.stage ? "ahead" : index < world.stage || world.phase === "completed" ? "done" : "current";
    const eta = state === "ahead" && moving ? reach : null;
    if (eta !== null) reach += stage.soak * 1000;
    return { percent: stage.percent, soak_seconds: stage.soak, min_requests: stage.min, state, served_seconds: state === "done" ? stage.soak : state === "current" ? Math.floor(world.served) : 0, eta: iso(eta) };
  });
  const next = world.phase === "ramping" || world.phase === "paused" ? world.stages[world.stage + 1] : null;
  return {
    flag: world.flag, rollout_id: world.rolloutId, revision: world.revision, phase: world.phase, stage: world.stage, percent: world.percent(),
    exposure_valid_until: world.phase === "ramping" ? iso(now + 30_000) : null, attempt: world.attempt, sentence: sentence(world),
    soak: { served_seconds: Math.floor(world.served), required_seconds: world.required() },
    stages, checks: checksNow(world, now), decision: { kind: "hold", reasons: reasons(world, now, left) },
    next: next ? { percent: next.percent, eta: moving ? iso(now + left * 1000) : null } : null,
    started_at: iso(world.startedMs), stage_since: iso(world.stageMs), ended_at: iso(world.endedMs), cause: world.cause, braked: world.braked,
    traffic: { canary_per_second: world.exposed() ? 0.035 * world.percent() : 0, control_per_second: Math.max(0, 3.5 - 0.035 * world.percent()), canary_requests_in_stage: world.canaryRequests, ...people(world) },
    gate: gateNow(world, now),
    windows: world.windows ?? null,
    approval: world.needsApproval ? { needed: true, two_person: world.twoPerson ?? false, started_by: "ops:you", approved_by: null } : null,
    lease: { held: world.leaseHeld, holder: world.leaseHeld ? "web-1" : null },
    commands: commands(world),
    policy: { revision: "3f2a91c", source: "policies/part_lens_v2.yaml", error: world.policyError, offered: world.offered },
    at: iso(now),
  };
}

/** Some 1 560 people, of whom as many have the flag as the percent says, give or take a few. */
function people(world) {
  const seen = world.exposed() ? 1560 : 0;
  const canary = Math.round((seen * world.percent()) / 100) - (world.percent() > 0 && world.percent() < 100 ? 3 : 0);
  return { subjects: { canary, control: seen - canary }, realised_percent: seen === 0 ? null : (100 * canary) / seen };
}

function sentence(world) {
  const at = `${world.percent()} % since ${hhmm(world.stageMs)}`;
  switch (world.phase) {
    case "waiting": return world.gateMissing.length ? "0 % · not started: the approval gate is not met" : "0 % · ready to start";
    case "paused": return `${at} · paused, the soak stands still at ${span(world.served)}`;
    case "completed": return `100 % · complete since ${hhmm(world.endedMs)}, watched for another hour`;
    case "rolled_back": return `0 % since ${hhmm(world.endedMs)} · rolled back from ${world.stages[world.stage].percent} % by ${world.cause.check ? "itself" : "hand"}`;
    default: return world.still ? `${at} · holding: the soak stands still at ${span(world.served)}` : `${at} · all checks healthy, ${span(world.served)} of ${span(world.required())} soaked`;
  }
}

function reasons(world, now, left) {
  switch (world.phase) {
    case "waiting": return world.gateMissing.length ? [{ code: "gate", text: "the approval gate is not met", eta: null }] : [{ code: "not_started", text: "nobody has started it yet", eta: null }];
    case "paused": return [{ code: "paused", text: "paused by ops:marc: engine trials on board until noon", eta: null }];
    case "rolled_back": return [{ code: "quarantined", text: "policy 3f2a91c with this build is quarantined after the rollback", eta: null }];
    case "completed": return [];
    default: {
      const held = world.still ? [{ code: world.code, text: world.still, eta: null }] : [];
      const soak = left > 0 ? [{ code: "soak", text: `${span(left)} of soak still to serve`, eta: world.still ? null : new Date(now + left * 1000).toISOString() }] : [];
      return [...held, ...soak];
    }
  }
}

const LIVE = ["ramping", "paused"];
const RULES = {
  start: { in: ["waiting"], role: "operator", needs_reason: false, why: { rolled_back: "rolled back: restart it first", "": "it is already running" } },
  pause: { in: ["ramping"], role: "operator", needs_reason: false, why: { paused: "it is paused already", "": "it is not ramping" } },
  resume: { in: ["paused"], role: "operator", needs_reason: false, why: { "": "it is not paused" } },
  advance: { in: LIVE, role: "operator", needs_reason: true, why: { "": "there is no running rollout" } },
  stage: { in: LIVE, role: "operator", needs_reason: true, why: { "": "there is no running rollout" } },
  approve: { in: [], role: "release_owner", needs_reason: false, why: { "": "no approval is asked for" } },
  extend: { in: LIVE, role: "operator", needs_reason: true, why: { "": "there is no running rollout" } },
  rollback: { in: ["ramping", "paused", "completed"], role: "operator", needs_reason: false, why: { "": "nobody is exposed: it is at 0 %" } },
  restart: { in: ["rolled_back", "completed"], role: "operator", needs_reason: true, why: { "": "only after a rollback or a completion" } },
  complete: { in: LIVE, role: "release_owner", needs_reason: true, why: { "": "there is no running rollout" } },
};

export function commands(world) {
  return Object.entries(RULES).map(([name, rule]) => {
    let legal = rule.in.includes(world.phase) || (name === "approve" && world.needsApproval);
    let why = legal ? null : rule.why[world.phase] ?? rule.why[""];
    if (name === "start" && world.phase === "waiting" && world.gateMissing.some((item) => world.gateRequired.includes(item))) {
      legal = false;
      why = "the approval gate is not met";
    }
    if (name === "complete" && legal && world.stage < world.stages.length - 1) {
      legal = false;
      why = "only at 100 %";
    }
    return { name, legal, why, needs_reason: rule.needs_reason, role: rule.role };
  });
}

// The situations that can be forced. Each takes a fresh world (waiting, gate met) and puts it where it should be.
import { World } from "./world.mjs";

const HOUR = 3_600;
const nowSeconds = () => Date.now() / 1000;

export const SITUATIONS = {
  /** A whole rollout in about a minute and a half, from the first press of "start" on. */
  script(world) {
    world.stages = [[5, 8], [20, 14], [50, 24], [100, 36]].map(([percent, soak]) => ({ percent, soak, min: 20 }));
    world.start("ops:anna", "the yard is quiet tonight");
  },
  waiting(world) {
    world.gateMissing = [];
  },
  gate(world) {
    world.gateMissing = ["acceptance", "sql_evidence", "stress"];
  },
  evidence(world) {
    world.gateMissing = ["sql_evidence", "role_suggestions", "stress", "storage_rls", "status_codes"];
    world.gateFound = {
      sql_evidence: { state: "altered", why: "the artifact rls_policies.json in the database does not match its recorded hash" },
      role_suggestions: { state: "too_old", why: "proven 8 d 3 h ago, counts for 7 d", age: 8.1 * 24 * HOUR },
      stress: { state: "failed", why: "the newest run failed, 2 h 10 min ago" },
      storage_rls: { state: "other_build", why: "evidence of build 0.9.3+77ac01d, this is 0.9.4+3f2a91c", build: "0.9.3+77ac01d" },
    };
  },
  ramping(world) {
    world.past(1, 1.2 * HOUR);
  },
  degraded(world) {
    world.past(1, 0.7 * HOUR);
    world.spoiled.p95_latency = { value: 712, spread: 30, verdict: "degraded", since: nowSeconds() - 1_500, samples: 846, why: "712 ms is not < 500 ms" };
    world.still = "p95 latency must be below 500 ms; it is about 712 ms since 25 min";
    world.code = "check_degraded";
  },
  blind(world) {
    world.past(1, 0.9 * HOUR);
    const since = nowSeconds() - 900;
    world.spoiled.error_rate = { value: null, verdict: "blind", since, samples: null, age: 912, why: "Prometheus has not answered for 15 min: connection refused" };
    world.spoiled.p95_latency = { value: null, verdict: "blind", since, samples: null, age: 912, why: "Prometheus has not answered for 15 min: connection refused" };
    world.still = "two checks are blind: Prometheus has not answered for 15 min";
    world.code = "check_blind";
    world.note("blind_paged", { actor: "rampart", cause: { code: "blind", text: "error_rate, p95_latency: no answer from Prometheus" } });
  },
  thin(world) {
    world.past(0, 0.1 * HOUR);
    world.canaryRequests = 41;
    world.spoiled.p95_latency = { value: 188, spread: 12, verdict: "thin", since: 0, samples: 41, why: "41 of 200 samples" };
  },
  approval(world) {
    world.past(2, 4 * HOUR);
    world.still = "100 % needs the approval of a release owner";
    world.code = "approval_missing";
    world.needsApproval = true;
  },
  two_person(world) {
    SITUATIONS.approval(world);
    world.twoPerson = true;
    world.windows = { open: false, until: new Date(Date.now() + 9 * HOUR * 1000).toISOString(), why: "freeze" };
  },
  paused(world) {
    world.past(2, 1.6 * HOUR);
    world.pause("ops:marc", "engine trials on board until noon");
  },
  rolled_back(world) {
    world.past(1, 1.4 * HOUR);
    world.spoiled.null_audit_signatures = { value: 3, verdict: "breach", since: nowSeconds() - 240, samples: 512, why: "3 > 0" };
    world.rollBack("rampart", { code: "breach", check: "null_audit_signatures", text: "3 audit rows without signature, none allowed" }, "", {
      rows: [
        { id: 90412, at: "2026-11-23T10:58:41Z", action: "adjust_stock", part: "Impeller 3-blade", user: "crew-17", signature: null },
        { id: 90415, at: "2026-11-23T10:58:43Z", action: "adjust_stock", part: "Fuel filter 10 µm", user: "crew-17", signature: null },
        { id: 90421, at: "2026-11-23T10:58:47Z", action: "write_off", part: "Zinc anode", user: "crew-04", signature: null },
      ],
      seen_to_effective_ms: 38,
    });
  },
  dead_letters(world) {
    world.past(1, 0.3 * HOUR);
    world.deadLetters = [{ id: "1", target: "ops", kind: "rolled_back", text: "crew_roster_v3: Rolled back to 0 %" }];
  },
  completed(world) {
    world.past(3, 8 * HOUR);
    world.complete("rampart", "");
  },
  policy_error(world) {
    world.past(0, 0.4 * HOUR);
    world.policyError = "policies/part_lens_v2.yaml:4:24\n  4 |   - { percent: 20,  soack: 2h }\n    |                     ^^^^^ unknown key\nhint: did you mean \"soak\"?";
    world.offered = "9be01d7";
  },
  report(world) {
    world.past(1, 0.5 * HOUR);
    world.addReport("other", "The low stock list shows an oil filter twice on the tender.", "crew-08");
    world.still = "a user report is open: dismiss it with a reason, or roll back";
    world.code = "check_degraded";
  },
  unled(world) {
    world.past(1, 0.5 * HOUR);
    world.leaseHeld = false;
    world.braked = true;
  },
  two_flags(world) {
    world.past(1, 0.5 * HOUR);
    world.other = new World(world.role);
    world.other.flag = "crew_roster_v3";
  },
  signed_out(world) {
    world.past(1, 1.2 * HOUR);
    world.signedIn = false;
  },
};

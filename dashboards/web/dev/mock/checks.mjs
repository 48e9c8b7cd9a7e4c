// The seven checks of the shipped policy, with values that look like a calm evening, and ways to spoil them.

const CHECKS = [
  { name: "server_errors", signal: "live.5xx", unit: "count", rollback_if: "> 0", rollback_limit: 0, window_seconds: null, min_samples: 0, base: 0, spread: 0 },
  { name: "error_rate", signal: "live.error_rate", unit: "ratio", advance_if: "< 0.1%", advance_limit: 0.001, window_seconds: 300, min_samples: 0, base: 0.00018, spread: 0.00012 },
  { name: "p95_latency", signal: "live.p95", unit: "ms", advance_if: "< 500ms", advance_limit: 500, rollback_if: "> 1000ms", rollback_limit: 1000, window_seconds: 300, min_samples: 200, base: 212, spread: 34 },
  { name: "null_audit_signatures", signal: "audit.violations", unit: "count", rollback_if: "> 0", rollback_limit: 0, window_seconds: null, min_samples: 0, base: 0, spread: 0 },
  { name: "rls_bypasses", signal: "probe.rls", unit: "count", rollback_if: "> 0", rollback_limit: 0, window_seconds: null, min_samples: 0, base: 0, spread: 0 },
  { name: "data_inconsistency", signal: "report.data_inconsistency", unit: "count", rollback_if: "> 0", rollback_limit: 0, window_seconds: null, min_samples: 0, base: 0, spread: 0 },
  { name: "user_reports", signal: "report.any", unit: "count", advance_if: "== 0", advance_limit: 0, window_seconds: null, min_samples: 0, base: 0, spread: 0 },
];

/** A repeatable wobble between -1 and 1. */
export function wobble(name, seconds) {
  let seed = 0;
  for (const letter of name) seed = (seed * 31 + letter.charCodeAt(0)) % 997;
  const t = seconds / 47 + seed;
  return (Math.sin(t) + Math.sin(t * 2.7 + seed) * 0.6 + Math.sin(t * 13.1) * 0.35) / 1.95;
}

/** `spoiled` gives, by check, the value and verdict that the situation forces from `since` on. */
function seen(check, spoiled, seconds) {
  const forced = spoiled[check.name];
  if (forced && seconds >= (forced.since ?? 0)) {
    const value = typeof forced.value === "number" ? forced.value + wobble(check.name, seconds) * (forced.spread ?? 0) : forced.value;
    return { value: value === undefined ? check.base : value, verdict: forced.verdict };
  }
  return { value: Math.max(0, check.base + check.spread * wobble(check.name, seconds)), verdict: "healthy" };
}

export function checksNow(world, nowMs) {
  const seconds = nowMs / 1000;
  return CHECKS.map((check) => {
    const forced = world.spoiled[check.name];
    const { value, verdict } = seen(check, world.spoiled, seconds);
    const counted = check.signal.startsWith("live") ? world.canaryRequests : check.signal === "probe.rls" ? Math.floor(world.stageSeconds(nowMs) / 30) : check.signal === "audit.violations" ? Math.floor(world.canaryRequests / 9) : 0;
    const isReport = check.signal.startsWith("report");
    const reports = world.reports.filter((one) => !one.dismissed_at && (check.name === "user_reports" || one.kind === "data_inconsistency")).length;
    return {
      name: check.name,
      signal: check.signal,
      verdict: isReport && reports > 0 ? (check.rollback_if ? "breach" : "degraded") : world.exposed() ? verdict : "blind",
      value: isReport ? reports : world.exposed() ? rounded(value, check.unit) : null,
      unit: check.unit,
      advance_if: check.advance_if ?? null,
      rollback_if: check.rollback_if ?? null,
      advance_limit: check.advance_limit ?? null,
      rollback_limit: check.rollback_limit ?? null,
      samples: forced && "samples" in forced ? forced.samples : isReport ? null : counted,
      min_samples: check.min_samples,
      window_seconds: check.window_seconds,
      observed_at: new Date(nowMs - (forced?.age ?? 2) * 1000).toISOString(),
      shadow: false,
      query: null,
      comparison: check.name === "error_rate" ? { tolerance: 1.1, ln_odds: 2.4 } : null,
      control: check.signal.startsWith("live") && check.unit !== "count" && world.exposed() && world.percent() < 100 ? rounded(check.base, check.unit) : null,
      proof: check.unit === "count" || !world.exposed() ? null : proofOf(world, check, verdict),
      why: forced?.why ?? (isReport && reports > 0 ? "a report is open" : world.exposed() ? null : "nobody is in the canary"),
    };
  });
}

function proofOf(world, check, verdict) {
  const proven = verdict === "healthy" && world.canaryRequests > 1_500;
  const text = `observed 0 of ${world.canaryRequests} failed; ${proven ? `that proves ${check.advance_if}` : "3,764 clean requests would prove it"}`;
  return { requests: world.canaryRequests, beyond: 0, limit: 0.001, below: 0.002, proven, missing: proven ? null : 3764, text };
}

export function series(world, { check, from, to, step }) {
  const wide = Math.max(1, step);
  const points = Math.min(1_000, Math.floor((to - from) / wide) + 1);
  return CHECKS.filter((one) => !check || one.name === check).map((one) => ({
    check: one.name,
    unit: one.unit,
    points: Array.from({ length: points }, (_, index) => {
      const at = from + index * wide;
      if (world.startedMs === 0 || at * 1000 < world.startedMs) return null;
      const { value, verdict } = seen(one, world.spoiled, at);
      const control = one.signal.startsWith("live") && one.unit !== "count" && value !== null ? rounded(one.base * (1 + Math.sin(at / 90) / 20), one.unit) : null;
      return [at, value === null ? null : rounded(value, one.unit), verdict, control];
    }).filter(Boolean),
  }));
}

function rounded(value, unit) {
  if (value === null || value === undefined) return null;
  return unit === "ratio" ? Math.round(value * 1e6) / 1e6 : unit === "ms" ? Math.round(value) : value;
}

// What the checks are called, what their verdicts mean, and how far each stands from its limits.
import type { Check, Status, Verdict } from "../api/types";
import { higherIsWorse, value } from "./numbers";

export type Tone = "good" | "warn" | "bad" | "blind" | "calm" | "accent" | "plain";

const NAMES: Record<string, string> = {
  server_errors: "Server errors (5xx)",
  error_rate: "Error rate",
  p95_latency: "Latency, 95th percentile",
  null_audit_signatures: "Audit rows without signature",
  rls_bypasses: "Rows seen across yachts",
  data_inconsistency: "Reports of wrong data",
  user_reports: "Reports from users",
};

export function checkName(name: string): string {
  const known = NAMES[name];
  if (known) return known;
  const words = name.replace(/[_.-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const VERDICTS: Record<Verdict, { word: string; tone: Tone; meaning: string; rank: number }> = {
  breach: { word: "Breach", tone: "bad", meaning: "A rollback limit is passed: the flag goes to 0 %.", rank: 0 },
  blind: { word: "Blind", tone: "blind", meaning: "No proof either way. The soak stands still.", rank: 1 },
  degraded: { word: "Degraded", tone: "warn", meaning: "Not good enough to advance. The soak does not count.", rank: 2 },
  thin: { word: "Thin", tone: "calm", meaning: "Nothing wrong seen, but too few samples yet. The soak counts.", rank: 3 },
  healthy: { word: "Healthy", tone: "good", meaning: "Within its limits. The soak counts.", rank: 4 },
};

export interface Distance {
  text: string;
  /** Where the value and the limits stand on the gauge, 0..1; null where a gauge says nothing. */
  gauge: { value: number; advance: number | null; rollback: number | null } | null;
}

const clamp = (n: number) => Math.min(1, Math.max(0, n));

export function distance(check: Check): Distance {
  const { value: seen, advance_limit: advance, rollback_limit: rollback, unit } = check;
  if (seen === null) return { text: "nothing measured", gauge: null };
  const worse = higherIsWorse(check) ? 1 : -1;
  const room = (limit: number) => (limit - seen) * worse;
  const amount = (n: number) => value(Math.abs(n), unit);
  const side = worse === 1 ? ["below", "above"] : ["above", "below"];

  const limits = [advance, rollback].filter((limit): limit is number => limit !== null);
  if (limits.length === 0) return { text: "no limit", gauge: null };
  if (limits.every((limit) => limit === 0)) {
    return { text: seen === 0 ? "none allowed, none seen" : `none allowed, ${value(seen, unit)} seen`, gauge: null };
  }

  const end = rollback ?? advance ?? 1;
  const full = Math.max(end, seen, ...limits) * (seen >= end ? 1.02 : 1) || 1;
  const gauge = {
    value: clamp(seen / full),
    advance: advance === null ? null : clamp(advance / full),
    rollback: rollback === null ? null : clamp(rollback / full),
  };
  if (rollback !== null && room(rollback) < 0) {
    return { text: `${amount(room(rollback))} ${side[1]} the rollback limit`, gauge };
  }
  if (advance !== null && room(advance) <= 0) {
    const left = rollback === null ? "" : `, ${amount(room(rollback))} to rollback`;
    return { text: `${amount(room(advance))} ${side[1]}${left || " the limit"}`, gauge };
  }
  const nearest = advance ?? rollback ?? 0;
  return { text: `${amount(room(nearest))} ${side[0]} the limit`, gauge };
}

/** Blind is worth a colour only while somebody is exposed. */
export const toneOf = (verdict: Verdict, exposed: boolean): Tone =>
  verdict === "blind" && !exposed ? "plain" : VERDICTS[verdict].tone;

/** Somebody is exposed, and a check keeps the soak from counting: the tone of the worst such check. */
export function holdingTone(status: Pick<Status, "checks" | "percent" | "phase">): Tone | null {
  if (status.phase !== "ramping") return null;
  const { tone } = verdictSummary(status);
  return tone === "bad" || tone === "warn" || tone === "blind" ? tone : null;
}

export function verdictSummary({ checks, percent }: Pick<Status, "checks" | "percent">): { text: string; tone: Tone } {
  if (checks.length === 0) return { text: "No checks", tone: "plain" };
  const worst = [...checks].sort((a, b) => VERDICTS[a.verdict].rank - VERDICTS[b.verdict].rank)[0];
  if (!worst) return { text: "No checks", tone: "plain" };
  const shown = VERDICTS[worst.verdict];
  const same = checks.filter((check) => check.verdict === worst.verdict).length;
  if (worst.verdict === "healthy") return { text: `All ${checks.length} healthy`, tone: "good" };
  if (worst.verdict === "blind" && percent === 0) return { text: "Nobody is exposed", tone: "plain" };
  return { text: `${same} of ${checks.length} ${worst.verdict === "breach" ? "in breach" : worst.verdict}`, tone: shown.tone };
}

/** What the comparison says of the canary failing more often than control allows, as a bet. */
export function oddsText(lnOdds: number | null): string {
  if (lnOdds === null) return "nothing was compared yet.";
  const odds = Math.exp(lnOdds);
  if (odds < 1.5) return "nothing says that it fails more often than that.";
  return `the odds are ${odds >= 1e6 ? "more than a million" : Math.round(odds)} to 1 that it fails more often than that.`;
}

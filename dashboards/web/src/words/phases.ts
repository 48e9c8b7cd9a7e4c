// The five phases in words, and what the gate's items are called.
import type { GateItem, GateState, Phase } from "../api/types";
import type { Tone } from "./checks";
import type { IconName } from "./icons";

export const PHASES: Record<Phase, { word: string; tone: Tone; icon: IconName }> = {
  waiting: { word: "Waiting to start", tone: "plain", icon: "clock" },
  ramping: { word: "Ramping", tone: "accent", icon: "rise" },
  paused: { word: "Paused", tone: "warn", icon: "pause" },
  completed: { word: "Completed", tone: "good", icon: "check" },
  rolled_back: { word: "Rolled back", tone: "bad", icon: "back" },
};

const GATE: Record<string, string> = {
  acceptance: "Acceptance, twelve checks",
  sql_evidence: "SQL evidence",
  role_suggestions: "Suggestions for the three roles",
  stress: "Stress test",
  storage_rls: "Storage refuses other yachts (403)",
  status_codes: "Handlers at all status codes",
};

export function gateName(item: string): string {
  const words = item.replace(/[_-]+/g, " ");
  return GATE[item] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

const GATE_STATES: Record<GateState, { word: string; icon: IconName }> = {
  proven: { word: "proven", icon: "check" },
  missing: { word: "never run", icon: "thin" },
  failed: { word: "failed", icon: "cross" },
  other_build: { word: "other build", icon: "warn" },
  too_old: { word: "too old", icon: "clock" },
  altered: { word: "altered", icon: "lock" },
  unreadable: { word: "not readable", icon: "blind" },
};

/** The mark of a gate item: shape, word, and a colour that says whether it keeps the rollout from starting. */
export function gateMark({ state, required }: GateItem): { word: string; icon: IconName; tone: Tone } {
  return { ...GATE_STATES[state], tone: state === "proven" ? "good" : required ? "bad" : "warn" };
}

export const artifactUrl = (id: string): string => `/api/v1/gate/artifacts/${encodeURIComponent(id)}`;

export const ROLE_WORDS = { sdk: "sdk", viewer: "viewer", operator: "operator", release_owner: "release owner" } as const;

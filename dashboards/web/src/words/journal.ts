// What each journal entry says in one line.
import type { Entry } from "../api/types";
import type { Tone } from "./checks";
import type { IconName } from "./icons";
import { percent } from "./numbers";

interface Kind { word: string; tone: Tone; icon: IconName; line: (at: string) => string }

export const KINDS: Record<string, Kind> = {
  started: { word: "Started", tone: "accent", icon: "play", line: (at) => `Started at ${at}` },
  advanced: { word: "Advanced", tone: "good", icon: "rise", line: (at) => `Advanced to ${at}` },
  stage_set: { word: "Stage set", tone: "accent", icon: "stairs", line: (at) => `Stage set to ${at} by hand` },
  paused: { word: "Paused", tone: "warn", icon: "pause", line: (at) => `Paused at ${at}` },
  resumed: { word: "Resumed", tone: "accent", icon: "play", line: (at) => `Resumed at ${at}` },
  approved: { word: "Approved", tone: "good", icon: "stamp", line: (at) => `Approved at ${at}` },
  extended: { word: "Soak extended", tone: "plain", icon: "plus", line: (at) => `Soak at ${at} made longer` },
  rolled_back: { word: "Rolled back", tone: "bad", icon: "back", line: (at) => `Rolled back to ${at}` },
  restarted: { word: "Restarted", tone: "accent", icon: "play", line: () => "Cleared for another attempt" },
  completed: { word: "Completed", tone: "good", icon: "check", line: (at) => `Completed at ${at}` },
  stage_restarted: { word: "Soak started again", tone: "warn", icon: "clock", line: (at) => `Soak at ${at} started again` },
  sql_change: { word: "Changed by SQL", tone: "warn", icon: "data", line: (at) => `Flag row changed by SQL, ${at} now` },
  lease_lapsed: { word: "Exposure lapsed", tone: "warn", icon: "lock", line: (at) => `Exposure lease lapsed at ${at}` },
  lease_regained: { word: "Exposure regained", tone: "good", icon: "lock", line: (at) => `Exposure lease regained at ${at}` },
  blind_paged: { word: "Paged: blind", tone: "blind", icon: "bell", line: () => "Paged: blind for too long" },
  hold_paged: { word: "Paged: no progress", tone: "warn", icon: "bell", line: () => "Paged: not moved for long" },
  frozen: { word: "Frozen", tone: "warn", icon: "pause", line: (at) => `Frozen at ${at}` },
  sql_ignored: { word: "SQL ignored", tone: "plain", icon: "data", line: () => "Flag row changed by SQL, without effect" },
};

const UNKNOWN: Kind = { word: "Other", tone: "plain", icon: "dot", line: () => "" };

export const kindOf = (kind: string): Kind => KINDS[kind] ?? { ...UNKNOWN, word: kind.replace(/_/g, " ") };

/** Of a start: what of the gate was not proven. The event is as the core wrote it. */
export function unproven({ event }: Entry): string[] {
  const missing = event["missing_gate"];
  return Array.isArray(missing) ? missing.map(String) : [];
}

export function lineOf(entry: Entry): string {
  if (unproven(entry).length > 0) return "Started past an unmet gate";
  const kind = kindOf(entry.kind);
  return kind.line(entry.percent === null ? "?" : percent(entry.percent)) || kind.word;
}

/** "sql:postgres" → "postgres, by SQL". */
export function actorName(actor: string): string {
  const sql = /^sql:(.+)$/.exec(actor);
  return sql ? `${sql[1]}, by SQL` : actor;
}

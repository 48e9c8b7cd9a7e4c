// The moments at which the percent moved, for the marks in charts.
import type { Entry } from "../api/types";
import { percent } from "./numbers";
import { parse } from "./time";

export const MOVING = ["started", "advanced", "stage_set", "rolled_back", "completed", "stage_restarted", "frozen"];

export interface Move { at: number; label: string; bad: boolean }

/** Oldest first; `at` in epoch seconds. */
export function moves(entries: Entry[]): Move[] {
  return entries
    .filter((entry) => MOVING.includes(entry.kind))
    .map((entry) => ({
      at: (parse(entry.at) ?? 0) / 1000,
      label: entry.percent === null ? "" : percent(entry.percent),
      bad: entry.kind === "rolled_back" || entry.kind === "frozen",
    }))
    .sort((a, b) => a.at - b.at);
}

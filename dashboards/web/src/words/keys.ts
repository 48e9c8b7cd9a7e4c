// The keys, and what each opens. None of them does anything by itself: an order is confirmed in its dialog.
import type { CommandName } from "../api/types";

export type KeyAct = { order: CommandName } | { go: string } | { open: "report" | "keys" };

export const KEYS: { key: string; words: string; act: KeyAct }[] = [
  { key: "r", words: "Roll back", act: { order: "rollback" } },
  { key: "p", words: "Pause", act: { order: "pause" } },
  { key: "u", words: "Resume", act: { order: "resume" } },
  { key: "a", words: "Advance", act: { order: "advance" } },
  { key: "s", words: "Set stage", act: { order: "stage" } },
  { key: "o", words: "Approve", act: { order: "approve" } },
  { key: "w", words: "Report a problem", act: { open: "report" } },
  { key: "h", words: "To the checks", act: { go: "health-title" } },
  { key: "j", words: "To the journal", act: { go: "journal-title" } },
  { key: "?", words: "This sheet", act: { open: "keys" } },
];

const FIELDS = "input, textarea, select, [contenteditable]";

/** What a key press means; nothing while somebody types, holds a modifier, or has a dialog open. */
export function keyAct(event: KeyboardEvent): KeyAct | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  if (event.target instanceof Element && event.target.closest(FIELDS)) return null;
  if (document.querySelector("dialog[open]")) return null;
  return KEYS.find((one) => one.key === event.key)?.act ?? null;
}

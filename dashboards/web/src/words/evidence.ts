// Evidence is whatever the daemon recorded. What looks like a list of checks or of rows becomes a table,
// single values become a line each, and the whole is always there as JSON too.
import type { Check, Verdict } from "../api/types";

const ROWS_MAX = 50;
const COLUMNS_MAX = 8;

export type Part =
  | { kind: "checks"; title: string; checks: EvidenceCheck[] }
  | { kind: "table"; title: string; columns: string[]; rows: string[][]; left_out: number }
  | { kind: "value"; title: string; text: string };

export type EvidenceCheck = Pick<Check, "name" | "verdict"> & Partial<Check>;

type Row = Record<string, unknown>;
const isRow = (thing: unknown): thing is Row => typeof thing === "object" && thing !== null && !Array.isArray(thing);
const isCheck = (row: Row): boolean => typeof row["name"] === "string" && typeof row["verdict"] === "string";
const VERDICTS_KNOWN: Verdict[] = ["healthy", "thin", "degraded", "blind", "breach"];

const cell = (thing: unknown): string =>
  thing === null || thing === undefined ? "NULL" : typeof thing === "object" ? JSON.stringify(thing) : String(thing);

const title = (key: string) => {
  const words = key.replace(/_/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function parts(evidence: unknown): Part[] {
  const whole: Row = isRow(evidence) ? evidence : Array.isArray(evidence) ? { evidence } : {};
  return Object.entries(whole).flatMap(([key, thing]) => partOf(key, thing));
}

function partOf(key: string, thing: unknown): Part[] {
  if (!Array.isArray(thing)) {
    return isRow(thing) ? [] : [{ kind: "value", title: title(key), text: cell(thing) }];
  }
  const rows = thing.filter(isRow);
  if (rows.length === 0 || rows.length < thing.length) {
    return thing.length > 0 && thing.every((one) => typeof one !== "object")
      ? [{ kind: "value", title: title(key), text: thing.map(cell).join(", ") }]
      : [];
  }
  if (rows.every((row) => isCheck(row) && VERDICTS_KNOWN.includes(row["verdict"] as Verdict))) {
    return [{ kind: "checks", title: title(key), checks: rows.slice(0, ROWS_MAX) as unknown as EvidenceCheck[] }];
  }
  const columns = [...new Set(rows.slice(0, ROWS_MAX).flatMap((row) => Object.keys(row)))].slice(0, COLUMNS_MAX);
  return [{
    kind: "table",
    title: title(key),
    columns,
    rows: rows.slice(0, ROWS_MAX).map((row) => columns.map((column) => cell(row[column]))),
    left_out: Math.max(0, rows.length - ROWS_MAX),
  }];
}

export const isEmpty = (evidence: unknown): boolean =>
  evidence === null || evidence === undefined || (typeof evidence === "object" && Object.keys(evidence).length === 0);

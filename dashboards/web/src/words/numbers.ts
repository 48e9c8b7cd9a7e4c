// Numbers as people read them: values with their unit, limits, counts, rates.
import type { Check, Unit } from "../api/types";

const NBSP = "\u00a0";
const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export const count = (n: number): string => grouped.format(n);
export const percent = (n: number): string => `${n}${NBSP}%`;

function significant(n: number, digits: number): string {
  if (n === 0) return "0";
  return new Intl.NumberFormat("en-GB", { maximumSignificantDigits: digits }).format(n);
}

export function value(n: number | null, unit: Unit): string {
  if (n === null || !Number.isFinite(n)) return "–";
  switch (unit) {
    case "count": return Number.isInteger(n) ? count(n) : significant(n, 3);
    case "ratio": return `${significant(n * 100, 2)}${NBSP}%`;
    case "seconds": return value(n * 1000, "ms");
    case "ms": return n >= 10_000 ? `${significant(n / 1000, 3)}${NBSP}s` : `${significant(n, n < 10 ? 2 : 4)}${NBSP}ms`;
  }
}

export function rate(perSecond: number): string {
  if (perSecond < 0.0001) return "0/s";
  return perSecond >= 0.095 ? `${significant(perSecond, 2)}/s` : `${significant(perSecond * 60, 2)}/min`;
}

/** "> 1000ms" → "> 1,000 ms": a limit as the policy writes it, set for reading. */
export const limit = (text: string): string =>
  text.trim()
    .replace(/\d{4,}/g, (digits) => count(Number(digits)))
    .replace(/([<>=]+)\s*/g, `$1${NBSP}`)
    .replace(/(\d)\s*(ms|s|%)/g, `$1${NBSP}$2`);

/** Which side of its limits is the bad one: almost always the higher. */
export function higherIsWorse(check: Pick<Check, "advance_if" | "rollback_if">): boolean {
  if (check.rollback_if) return !check.rollback_if.trim().startsWith("<");
  if (check.advance_if) return !check.advance_if.trim().startsWith(">");
  return true;
}

/** A file's size as people say it: 812 B, 14 KiB, 1.9 MiB. */
export function bytes(count: number): string {
  if (count < 1024) return `${count}\u00a0B`;
  if (count < 1024 * 1024) return `${Math.round(count / 1024)}\u00a0KiB`;
  return `${(count / 1024 / 1024).toFixed(1)}\u00a0MiB`;
}

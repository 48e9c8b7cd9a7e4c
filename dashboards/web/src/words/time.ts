// Times and spans as people read them. Times are shown in the viewer's zone, UTC goes to the title.
const NBSP = "\u00a0";
const minutes: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const seconds: Intl.DateTimeFormatOptions = { ...minutes, second: "2-digit" };
const CLOCKS = {
  minutes: new Intl.DateTimeFormat("en-GB", minutes),
  seconds: new Intl.DateTimeFormat("en-GB", seconds),
  millis: new Intl.DateTimeFormat("en-GB", { ...seconds, fractionalSecondDigits: 3 }),
};
/** How finely a time is told. */
export type Fineness = keyof typeof CLOCKS;
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const SIX_DAYS_MS = 6 * 86_400_000;

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString();

export function parse(iso: string | null | undefined): number | null {
  if (!iso) return null;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

/** "09:14" today, "Tue 09:14" within some days, else "24 Nov 09:14". */
export function at(ms: number, now: number, to: Fineness = "minutes"): string {
  const date = new Date(ms);
  const time = CLOCKS[to].format(date);
  if (sameDay(date, new Date(now))) return time;
  return `${(Math.abs(ms - now) < SIX_DAYS_MS ? weekday : day).format(date)} ${time}`;
}

export const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** "1 h 12 min", "48 min", "35 s": at most two units, the larger first. */
export function span(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total}${NBSP}s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 10 && total % 60 !== 0) return `${minutes}${NBSP}min ${total % 60}${NBSP}s`;
  if (minutes < 60) return `${minutes}${NBSP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours}${NBSP}h ${minutes % 60}${NBSP}min` : `${hours}${NBSP}h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days}${NBSP}d ${hours % 24}${NBSP}h` : `${days}${NBSP}d`;
}

/** "in 48 min", "12 s ago", "now". */
export function relative(ms: number, now: number): string {
  const seconds = (ms - now) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

// The recent past of every check, for the sparklines: fetched once, then lengthened by each status.
import { api } from "../api/client";
import type { Check, Point, Series, Status } from "../api/types";
import { parse } from "../words/time";

const SPAN_SECONDS = 3_600;
const STEP_SECONDS = 30;
const POINTS_MAX = 400;

class Readings {
  byCheck = $state.raw<Record<string, Point[]>>({});
  /** Where the axis that all sparklines share begins, in epoch seconds: the first point of any check. */
  from = $derived(Math.min(...Object.values(this.byCheck).map((points) => points[0]?.[0] ?? Infinity)));
  private flag: string | null = null;
  private turn = 0;

  async load(flag: string, now: number): Promise<void> {
    if (this.flag !== flag) this.byCheck = {};
    this.flag = flag;
    const turn = ++this.turn;
    const to = Math.floor(now / 1000);
    try {
      const { series } = await api.readings(flag, { from: to - SPAN_SECONDS, to, step: STEP_SECONDS });
      if (turn !== this.turn) return;
      this.byCheck = Object.fromEntries(series.map((one) => [one.check, one.points.slice(-POINTS_MAX)]));
    } catch {
      // Sparklines are an extra: without them the page still tells values and limits.
    }
  }

  extend(status: Status): void {
    if (status.flag !== this.flag) return;
    const at = (parse(status.at) ?? 0) / 1000;
    const next: Record<string, Point[]> = { ...this.byCheck };
    for (const check of status.checks) next[check.name] = lengthen(next[check.name] ?? [], check, at);
    this.byCheck = next;
  }
}

function lengthen(points: Point[], check: Check, at: number): Point[] {
  const last = points[points.length - 1];
  const point: Point = [at, check.value, check.verdict, check.control ?? null];
  if (last && at <= last[0]) return points;
  // Once there are many, only the newest value between two steps is kept, so that an hour stays an hour.
  const beforeLast = points[points.length - 2];
  const replaces = points.length > POINTS_MAX / 2 && last && beforeLast && last[0] - beforeLast[0] < STEP_SECONDS && last[2] === check.verdict;
  const kept = replaces ? points.slice(0, -1) : points;
  return [...kept, point].filter(([time]) => time >= at - SPAN_SECONDS).slice(-POINTS_MAX);
}

/** The longer past of one check, for its big chart. */
export async function history(flag: string, check: string, from: number, to: number): Promise<Series | null> {
  const step = Math.max(1, Math.ceil((to - from) / 360));
  const { series } = await api.readings(flag, { check, from: Math.floor(from), to: Math.ceil(to), step });
  return series.find((one) => one.check === check) ?? series[0] ?? null;
}

export const readings = new Readings();

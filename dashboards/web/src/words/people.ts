// How many people an order reaches, reckoned from those seen in this stage. Who has not come yet is not known.
import type { Status } from "../api/types";
import { count } from "./numbers";

type Seen = Pick<Status, "percent" | "traffic">;

const seen = ({ traffic }: Seen) => traffic.subjects.canary + traffic.subjects.control;

/** "about 312 of the 1,560 people seen in this stage": those between two percents; empty where nobody was seen. */
function between(status: Seen, from: number, to: number): string {
  const all = seen(status);
  const some = Math.round((all * Math.abs(to - from)) / 100);
  return all === 0 ? "" : `about ${count(some)} of the ${count(all)} people seen in this stage`;
}

/** What a move to `to` percent does to the people seen; null where nobody was seen or nothing changes. */
export function switching(status: Seen, to: number): string | null {
  if (to === status.percent) return null;
  // Who has the flag now was counted; who would get it is reckoned by the percent.
  const off = to === 0 && seen(status) > 0;
  const who = off
    ? `${count(status.traffic.subjects.canary)} of the ${count(seen(status))} people seen in this stage`
    : between(status, status.percent, to);
  if (who === "") return null;
  return to < status.percent ? `${capital(who)} switch back, each with the next request.` : `${capital(who)} get it, each with the next request.`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

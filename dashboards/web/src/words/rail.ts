// The ramp as legs of a journey: 0 → 5 → 20 → 50 → 100 → done. A leg is filled by what leads to its end:
// the gate for the first, the soak of a stage for each of the others.
import type { Status } from "../api/types";
import { parse } from "./time";

export interface Leg {
  /** The percent where the leg starts; for the last leg, the end is completion. */
  from: number;
  to: number | "done";
  state: "done" | "current" | "ahead" | "fallen";
  fill: number;
  served: number;
  required: number;
  /** When the end of the leg should be reached, in epoch ms. */
  arrival: number | null;
}

/**
 * Epoch ms at which each stage is reached, and last the completion. A server may give `eta` as the arrival
 * at a stage (then the stage we are in has none) or as the end of its soak (then it has one).
 */
export function arrivals(status: Status, now: number): (number | null)[] {
  const { stages } = status;
  const etas = stages.map((stage) => parse(stage.eta));
  const current = stages.findIndex((stage) => stage.state === "current");
  const etaIsEnd = current >= 0 && etas[current] !== null;
  if (etaIsEnd) return [null, ...etas];
  const last = stages[stages.length - 1];
  if (!last) return [];
  const reached = etas[stages.length - 1] ?? (last.state === "current" && status.phase === "ramping" ? now : null);
  const end = reached === null ? null : reached + Math.max(0, last.soak_seconds - last.served_seconds) * 1000;
  return [...etas, end];
}

export function legs(status: Status, now: number): Leg[] {
  const due = arrivals(status, now);
  const over = status.phase === "rolled_back";
  const done = status.phase === "completed";
  const started = status.stages.some((stage) => stage.state !== "ahead");
  const first: Leg = {
    from: 0,
    to: status.stages[0]?.percent ?? 0,
    state: started ? (over ? "fallen" : "done") : status.phase === "waiting" ? "current" : "ahead",
    fill: started ? 1 : 0,
    served: 0,
    required: 0,
    arrival: due[0] ?? null,
  };
  return [
    first,
    ...status.stages.map((stage, index): Leg => {
      const served = stage.state === "current" ? Math.max(stage.served_seconds, status.soak.served_seconds) : stage.served_seconds;
      const required = stage.state === "current" && !over && status.soak.required_seconds > 0
        ? status.soak.required_seconds
        : stage.soak_seconds;
      const finished = done || stage.state === "done";
      return {
        from: stage.percent,
        to: status.stages[index + 1]?.percent ?? "done",
        state: over && stage.state !== "ahead" ? "fallen" : finished ? "done" : stage.state,
        fill: finished ? 1 : required > 0 ? Math.min(1, served / required) : 0,
        served,
        required,
        arrival: finished || over ? null : due[index + 1] ?? null,
      };
    }),
  ];
}

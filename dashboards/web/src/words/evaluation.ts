// Why a user is served what they are, in sentences.
import type { Evaluation, Status } from "../api/types";
import { percent } from "./numbers";

const REASONS: Record<string, string> = {
  SPLIT: "The bucket was compared with the percent.",
  TARGETING_MATCH: "An override names this user, whatever the bucket.",
  DISABLED: "The flag is switched off for everybody.",
  DEFAULT: "There was nothing to put into a bucket.",
  STATIC: "The answer is the same for everybody.",
};

export function explained(found: Evaluation, status: Pick<Status, "stages" | "percent">): string[] {
  const lines: string[] = [];
  if (found.bucket !== null) {
    const bucket = found.bucket;
    const stage = status.stages.find((one) => one.percent >= bucket);
    lines.push(`Bucket ${bucket} of 100, the same at every visit.`);
    if (stage) lines.push(found.value ? `It has been on since the stage of ${percent(stage.percent)}.` : `The stage of ${percent(stage.percent)} turns it on.`);
  }
  lines.push(REASONS[found.reason.toUpperCase()] ?? `The reason is ${found.reason.toLowerCase()}.`);
  lines.push(`The flag stands at ${percent(found.percent)}.`);
  return lines;
}

// Joins the stream to what the page holds: one place that says what is fetched, and when.
import { clock } from "./clock.svelte";
import { journal } from "./journal.svelte";
import { readings } from "./readings.svelte";
import { reports } from "./reports.svelte";
import { rollouts } from "./rollouts.svelte";
import { session } from "./session.svelte";
import { stream } from "./stream.svelte";

const REPORT_CHECK = /report|inconsisten/;
let reportsSeen = "";

/** Everything about the shown flag but its status. */
export async function loadFlag(flag: string): Promise<void> {
  await Promise.all([journal.load(flag), reports.load(flag), readings.load(flag, clock.now)]);
}

/** After the stream was away: anything may have happened. */
async function loadAll(): Promise<void> {
  await rollouts.load();
  if (rollouts.flag === null) return;
  await Promise.all([loadFlag(rollouts.flag), journal.follow(rollouts.flag, rollouts.shown?.rollout_id ?? null)]);
}

/** Runs while somebody is signed in. */
export function goLive(): () => void {
  void rollouts.load();
  stream.open({
    status: (status) => {
      rollouts.take(status);
      readings.extend(status);
      // A report changes the value of its check: then the list of reports is fetched anew.
      const seen = status.checks.filter((check) => REPORT_CHECK.test(check.name)).map((check) => check.value).join();
      if (status.flag === rollouts.flag && seen !== reportsSeen) {
        reportsSeen = seen;
        void reports.load(status.flag);
      }
    },
    entry: (entry) => {
      if (rollouts.flag === null) return;
      const shown = rollouts.shown;
      // With several flags an entry names its rollout; one of another rollout makes us ask rather than guess.
      if (rollouts.flags.length === 1 || entry.rollout_id === shown?.rollout_id) journal.take(entry);
      else void journal.load(rollouts.flag);
    },
    back: () => void loadAll(),
    refused: () => void session.look(),
  });
  return () => stream.close();
}

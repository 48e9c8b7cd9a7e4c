// The statuses of all rollouts, kept by flag, and which one is shown.
import { api } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { Status } from "../api/types";
import { parse } from "../words/time";
import { clock } from "./clock.svelte";

const FLAG_PARAM = "flag";

const isBefore = (a: Status, b: Status) =>
  a.revision !== b.revision ? a.revision < b.revision : (parse(a.at) ?? 0) < (parse(b.at) ?? 0);

class Rollouts {
  byFlag = $state.raw<Record<string, Status>>({});
  chosen = $state<string | null>(new URL(location.href).searchParams.get(FLAG_PARAM));
  problem = $state<Problem | null>(null);
  loaded = $state(false);

  flags = $derived(Object.keys(this.byFlag).sort());
  flag = $derived(this.chosen !== null && this.chosen in this.byFlag ? this.chosen : (this.flags[0] ?? null));
  shown = $derived<Status | null>(this.flag === null ? null : (this.byFlag[this.flag] ?? null));

  async load(): Promise<void> {
    try {
      const { rollouts } = await api.rollouts();
      this.byFlag = Object.fromEntries(rollouts.map((status) => [status.flag, status]));
      const newest = rollouts[0];
      if (newest) this.setClock(newest);
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Takes a status, unless it is older than the one at hand. */
  take(status: Status): void {
    const known = this.byFlag[status.flag];
    const isOlder = known && isBefore(status, known);
    if (isOlder) return;
    this.setClock(status);
    this.byFlag = { ...this.byFlag, [status.flag]: status };
    this.problem = null;
    this.loaded = true;
  }

  async refetch(flag: string): Promise<void> {
    try {
      this.take(await api.rollout(flag));
    } catch {
      // The stream's own state tells that the page is stale.
    }
  }

  choose(flag: string): void {
    this.chosen = flag;
    const url = new URL(location.href);
    url.searchParams.set(FLAG_PARAM, flag);
    url.hash = "";
    history.replaceState(null, "", url);
  }

  private setClock(status: Status): void {
    const at = parse(status.at);
    if (at !== null) clock.setFrom(at);
  }
}

export const rollouts = new Rollouts();

// The journal of the shown flag: newest first, a page at a time, with new entries put on top as they come.
import { api } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { Entry } from "../api/types";
import { MOVING, moves } from "../words/moves";

const PAGE_ENTRIES = 30;
const KEPT_MAX = 2_000;
const MOVING_MAX = 500;

/** Both together, each once, the newest first. */
function joined(known: Entry[], more: Entry[]): Entry[] {
  const fresh = more.filter((entry) => !known.some((one) => one.seq === entry.seq));
  return [...known, ...fresh].sort((a, b) => b.seq - a.seq).slice(0, KEPT_MAX);
}

class Journal {
  entries = $state.raw<Entry[]>([]);
  /** What moved the percent of the shown rollout, whatever the list is filtered to. */
  moving = $state.raw<Entry[]>([]);
  /** The same as marks on a time axis, for every chart. */
  marks = $derived(moves(this.moving));
  kind = $state("");
  next = $state<number | null>(null);
  loading = $state(false);
  /** Whether a first page of the shown flag has come. */
  ready = $state(false);
  problem = $state<Problem | null>(null);
  /** An entry that a link points to and that is not among the loaded ones. */
  linked = $state.raw<Entry | null>(null);

  private flag: string | null = null;
  private rollout: string | null = null;
  private turn = 0;

  async load(flag: string): Promise<void> {
    if (this.flag !== flag) {
      this.entries = [];
      this.linked = null;
      this.ready = false;
    }
    this.flag = flag;
    await this.fetchPage(null, []);
  }

  /** Fetches what moved a rollout; what it does from then on comes with the stream. */
  async follow(flag: string, rollout: string | null): Promise<void> {
    if (this.rollout !== rollout) this.moving = [];
    this.rollout = rollout;
    if (rollout === null) return;
    try {
      const { entries } = await api.journal(flag, { rollout, kind: MOVING, limit: MOVING_MAX, order: "desc" });
      if (this.rollout === rollout) this.moving = joined(this.moving, entries);
    } catch {
      // The list below says why the journal cannot be read.
    }
  }

  async more(): Promise<void> {
    if (this.next !== null && !this.loading) await this.fetchPage(this.next, this.entries);
  }

  async filter(kind: string): Promise<void> {
    this.kind = kind;
    await this.fetchPage(null, []);
  }

  take(entry: Entry): void {
    if (entry.rollout_id === this.rollout && MOVING.includes(entry.kind)) this.moving = joined(this.moving, [entry]);
    if (!this.kind || entry.kind === this.kind) this.entries = joined(this.entries, [entry]);
  }

  /** Makes sure that the entry a link points to is on the page. */
  async show(seq: number): Promise<void> {
    this.linked = null;
    if (this.flag === null || this.entries.some((entry) => entry.seq === seq)) return;
    try {
      const page = await api.journal(this.flag, { after: seq - 1, limit: 1 });
      this.linked = page.entries.find((entry) => entry.seq === seq) ?? null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  private async fetchPage(after: number | string | null, before: Entry[]): Promise<void> {
    if (this.flag === null) return;
    const turn = ++this.turn;
    this.loading = true;
    try {
      const page = await api.journal(this.flag, { after, limit: PAGE_ENTRIES, kind: this.kind, order: "desc" });
      if (turn !== this.turn) return;
      this.entries = joined(before, page.entries);
      this.next = this.entries.length > before.length ? page.next : null;
      this.problem = null;
      this.ready = true;
    } catch (error) {
      if (turn === this.turn) this.problem = asProblem(error);
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }
}

export const journal = new Journal();

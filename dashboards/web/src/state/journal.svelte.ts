// The journal of the shown flag: newest first, a page at a time, with new entries put on top as they come.
import { api } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { Entry } from "../api/types";

const PAGE_ENTRIES = 30;
const KEPT_MAX = 2_000;

class Journal {
  entries = $state.raw<Entry[]>([]);
  kind = $state("");
  next = $state<number | string | null>(null);
  loading = $state(false);
  problem = $state<Problem | null>(null);
  /** An entry that a link points to and that is not among the loaded ones. */
  linked = $state.raw<Entry | null>(null);

  private flag: string | null = null;
  private turn = 0;

  async load(flag: string): Promise<void> {
    if (this.flag !== flag) {
      this.entries = [];
      this.linked = null;
    }
    this.flag = flag;
    await this.fetchPage(null, []);
  }

  async more(): Promise<void> {
    if (this.next !== null && !this.loading) await this.fetchPage(this.next, this.entries);
  }

  async filter(kind: string): Promise<void> {
    this.kind = kind;
    await this.fetchPage(null, []);
  }

  take(entry: Entry): void {
    if (this.kind && entry.kind !== this.kind) return;
    if (this.entries.some((known) => known.seq === entry.seq)) return;
    this.entries = [entry, ...this.entries].sort((a, b) => b.seq - a.seq).slice(0, KEPT_MAX);
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
      const known = new Set(before.map((entry) => entry.seq));
      const fresh = page.entries.filter((entry) => !known.has(entry.seq));
      this.entries = [...before, ...fresh].sort((a, b) => b.seq - a.seq).slice(0, KEPT_MAX);
      this.next = fresh.length > 0 ? page.next : null;
      this.problem = null;
    } catch (error) {
      if (turn === this.turn) this.problem = asProblem(error);
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }
}

export const journal = new Journal();

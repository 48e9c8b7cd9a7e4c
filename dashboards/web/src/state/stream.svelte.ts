// The live stream of events, and the honest word about how fresh the page is.
//
// EventSource reconnects by itself after a broken connection, but not after an HTTP error, and it never
// notices a connection that is silently dead. So we watch the gaps: where nothing has come for several
// times the usual gap, the page says "lost" and the stream is opened anew.
import { eventsUrl } from "../api/client";
import type { Entry, Status } from "../api/types";

const QUIET_MIN_MS = 15_000;
const QUIET_MAX_MS = 120_000;
const REOPEN_FIRST_MS = 1_000;
const REOPEN_MAX_MS = 15_000;

export interface Handlers {
  status: (status: Status) => void;
  entry: (entry: Entry) => void;
  /** The stream is there again after it was lost: whatever happened meanwhile must be fetched. */
  back: () => void;
  /** The stream could not be opened: perhaps the session has ended. */
  refused: () => void;
}

class Stream {
  state = $state<"connecting" | "live" | "lost">("connecting");
  /** The viewer's clock, epoch ms, when the last event came. */
  heardAt = $state<number | null>(null);

  private source: EventSource | null = null;
  private handlers: Handlers | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private wait = REOPEN_FIRST_MS;
  private longestGap = 5_000;

  open(handlers: Handlers): void {
    this.close();
    this.handlers = handlers;
    this.connect();
    this.watch = setInterval(() => this.lookForSilence(), 1_000);
  }

  close(): void {
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.source?.close();
    this.source = null;
    this.state = "connecting";
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(eventsUrl);
    this.source = source;
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    source.addEventListener("status", (event) => this.heard(event, (data) => this.handlers?.status(data as Status)));
    source.addEventListener("journal", (event) => this.heard(event, (data) => this.handlers?.entry(data as Entry)));
  }

  private opened(): void {
    const wasLost = this.state === "lost";
    this.wait = REOPEN_FIRST_MS;
    this.state = "live";
    this.heardAt = Date.now();
    if (wasLost) this.handlers?.back();
  }

  private heard(event: MessageEvent<string>, take: (data: unknown) => void): void {
    const now = Date.now();
    if (this.heardAt !== null && this.state === "live") {
      this.longestGap = Math.max(this.longestGap, Math.min(now - this.heardAt, QUIET_MAX_MS / 4));
    }
    this.heardAt = now;
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    take(data);
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return;
    this.state = "lost";
    if (source.readyState === EventSource.CLOSED) {
      this.handlers?.refused();
      this.reopenLater();
    }
  }

  private lookForSilence(): void {
    if (this.state !== "live" || this.heardAt === null) return;
    const quiet = Math.min(QUIET_MAX_MS, Math.max(QUIET_MIN_MS, this.longestGap * 4));
    if (Date.now() - this.heardAt < quiet) return;
    this.state = "lost";
    this.reopenLater();
  }

  private reopenLater(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(REOPEN_MAX_MS, this.wait * 2);
  }
}

export const stream = new Stream();

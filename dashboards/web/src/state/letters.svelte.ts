// Who is told what happens, and what reached nobody: looked up when the page opens, and every minute from then on.
import { api } from "../api/client";
import type { Notifications } from "../api/types";

const EVERY_MS = 60_000;

class Letters {
  /** As of the last look that succeeded. */
  known = $state.raw<Notifications | null>(null);
  /** Whether the last look failed: then nothing is known, which is not "none". */
  unknown = $state(false);
  dead = $derived(this.known?.dead ?? []);

  /** Runs while somebody is signed in. */
  follow(): () => void {
    void this.look();
    const timer = setInterval(() => void this.look(), EVERY_MS);
    return () => clearInterval(timer);
  }

  async look(): Promise<void> {
    await api.notifications().then(
      (found) => ([this.known, this.unknown] = [found, false]),
      () => (this.unknown = true),
    );
  }

  /** Tries all that reached nobody again. */
  async sendAgain(): Promise<void> {
    const ids = this.dead.map((letter) => letter.id);
    const tried = await Promise.allSettled(ids.map((id) => api.retryNotification(id)));
    await this.look();
    const failed = tried.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }
}

export const letters = new Letters();

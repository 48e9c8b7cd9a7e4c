// Notifications that reached nobody: looked up when the page opens, and every minute from then on.
import { api } from "../api/client";
import type { Notifications } from "../api/types";

const EVERY_MS = 60_000;

class Letters {
  dead = $state.raw<Notifications["dead"]>([]);
  /** Whether the last look failed: then nothing is known, which is not "none". */
  unknown = $state(false);

  /** Runs while somebody is signed in. */
  follow(): () => void {
    const look = () => void api.notifications().then(
      (found) => ([this.dead, this.unknown] = [found.dead, false]),
      () => (this.unknown = true),
    );
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }
}

export const letters = new Letters();

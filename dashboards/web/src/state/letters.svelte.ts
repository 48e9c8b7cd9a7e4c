// Notifications that reached nobody: looked up when the page opens, and every minute from then on.
import { api } from "../api/client";
import type { Notifications } from "../api/types";

const EVERY_MS = 60_000;

class Letters {
  dead = $state.raw<Notifications["dead"]>([]);

  /** Runs while somebody is signed in. A server without notifications has none to tell of. */
  follow(): () => void {
    const look = () => void api.notifications().then((found) => (this.dead = found.dead), () => (this.dead = []));
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }
}

export const letters = new Letters();

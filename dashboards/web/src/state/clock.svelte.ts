// One ticking clock for the whole page, set to the server's time, so that ages and ETAs do not
// depend on how well the viewer's own clock is set.
class Clock {
  /** Epoch ms by the server's clock; moves once a second. */
  now = $state(Date.now());
  private offset = 0;

  constructor() {
    setInterval(() => this.beat(), 1000);
  }

  /** Takes the server's own time from a status it has just sent. */
  setFrom(serverMs: number): void {
    this.offset = serverMs - Date.now();
    this.beat();
  }

  private beat(): void {
    this.now = Date.now() + this.offset;
  }
}

export const clock = new Clock();

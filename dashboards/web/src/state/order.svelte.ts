// One order on its way to the server: sent, refused, sent again.
//
// The idempotency key stays the same while no answer has come, so that a second try cannot do the thing
// twice; after an answer, a new try is a new order. A stale revision (412) brings the newest state into the
// dialog, and the next try is made against what is then shown.
import { api } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { CommandBody, CommandName, Status } from "../api/types";
import { rollouts } from "./rollouts.svelte";

export class Order {
  busy = $state(false);
  problem = $state<Problem | null>(null);
  private key: string = freshKey();

  constructor(private readonly name: CommandName) {}

  /** True where the server has carried it out. */
  async send(status: Status, body: CommandBody): Promise<boolean> {
    this.busy = true;
    try {
      // The brake must hold whatever the state has become meanwhile, so it names no revision.
      const revision = this.name === "rollback" ? null : status.revision;
      rollouts.take(await api.command(status.flag, this.name, body, this.key, revision));
      return true;
    } catch (error) {
      this.problem = asProblem(error);
      if (!this.problem.unanswered) this.key = freshKey();
      if (this.problem.status === 412 || this.problem.status === 409) await rollouts.refetch(status.flag);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

/** A random UUID; also where the page is not on https, and crypto.randomUUID is therefore missing. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

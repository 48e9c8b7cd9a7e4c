// Who is looking: nobody yet, signed out, or somebody with a role.
import { api, onSignedOut } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { Role } from "../api/types";

type State = "asking" | "out" | "in" | "unreachable";

class SessionState {
  state = $state<State>("asking");
  role = $state<Role>("viewer");
  /** As the journal names who gives orders here. */
  name = $state("");
  problem = $state<Problem | null>(null);
  /** Whether more than looking is allowed. */
  operates = $derived(this.role === "operator" || this.role === "release_owner");

  constructor() {
    onSignedOut(() => {
      if (this.state === "in") this.state = "out";
    });
  }

  async look(): Promise<void> {
    try {
      const { role, name } = await api.session();
      [this.role, this.name] = [role, name];
      this.state = "in";
      this.problem = null;
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 401) this.state = "out";
      else if (this.state !== "in") this.state = "unreachable";
      this.problem = problem.status === 401 ? null : problem;
    }
  }

  async signIn(token: string): Promise<void> {
    try {
      await api.signIn(token);
      await this.look();
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  async signOut(): Promise<void> {
    await api.signOut().catch(() => undefined);
    this.state = "out";
  }
}

export const session = new SessionState();

// What each order is called, what it will do in the present state, and who may give it.
import type { Command, CommandName, Role, Status } from "../api/types";
import type { IconName } from "./icons";
import { gateName, ROLE_WORDS } from "./phases";
import { percent } from "./numbers";
import { switching } from "./people";
import { span } from "./time";

export interface CommandWords {
  label: string;
  title: string;
  icon: IconName;
  confirm: string;
  will: (status: Status) => string[];
}

const firstPercent = (status: Status) => percent(status.stages[0]?.percent ?? 0);
const soakOf = (status: Status, at: number | undefined) => {
  const stage = status.stages.find((one) => one.percent === at);
  return stage ? span(stage.soak_seconds) : "its soak";
};
const stillWatched = "The checks go on: a breach rolls it back by itself.";

export const COMMANDS: Record<CommandName, CommandWords> = {
  start: {
    label: "Start", title: "Start the rollout", icon: "play", confirm: "Start",
    will: (status) => [
      `Turns ${status.flag} on for ${firstPercent(status)} of its users, at once.`,
      `The soak of ${soakOf(status, status.stages[0]?.percent)} begins; then it goes on by itself while every check is good.`,
      stillWatched,
    ],
  },
  pause: {
    label: "Pause", title: "Pause the rollout", icon: "pause", confirm: "Pause",
    will: (status) => [
      `Holds ${status.flag} at ${percent(status.percent)}. Nothing advances until somebody resumes it.`,
      "The soak stands still; what is served so far is kept.",
      stillWatched,
    ],
  },
  resume: {
    label: "Resume", title: "Resume the rollout", icon: "play", confirm: "Resume",
    will: (status) => [
      `Lets ${status.flag} ramp again from ${percent(status.percent)}, with the soak served so far.`,
      stillWatched,
    ],
  },
  advance: {
    label: "Advance", title: "Advance now", icon: "skip", confirm: "Advance now",
    will: (status) => [
      status.next
        ? `Raises ${status.flag} from ${percent(status.percent)} to ${percent(status.next.percent)} at once, without the rest of the soak.`
        : `Ends the soak at ${percent(status.percent)} at once.`,
      status.next ? switching(status, status.next.percent) ?? "" : "",
      status.next ? `The soak of ${soakOf(status, status.next.percent)} begins there.` : "",
      stillWatched,
    ].filter(Boolean),
  },
  stage: {
    label: "Set stage", title: "Set the stage", icon: "stairs", confirm: "Set the stage",
    will: (status) => [
      `Moves ${status.flag} to the chosen stage at once. The soak of that stage begins anew.`,
      stillWatched,
    ],
  },
  approve: {
    label: "Approve", title: "Approve the next stage", icon: "stamp", confirm: "Approve",
    will: (status) => [
      status.next
        ? `Records your approval of ${percent(status.next.percent)}. It advances when everything else is met.`
        : "Records your approval. It goes on when everything else is met.",
      ...(status.approval?.two_person ? [`Started by ${status.approval.started_by}; the policy asks for a second person, which is you.`] : []),
    ],
  },
  extend: {
    label: "Extend", title: "Make this soak longer", icon: "plus", confirm: "Extend",
    will: (status) => [
      `Adds time to the soak at ${percent(status.percent)}: now ${span(status.soak.served_seconds)} of ${span(status.soak.required_seconds)}.`,
      stillWatched,
    ],
  },
  rollback: {
    label: "Roll back", title: "Roll back to 0\u00a0%", icon: "back", confirm: "Roll back to 0\u00a0%",
    will: (status) => [
      `Turns ${status.flag} off for everybody, at once.`,
      ...[switching(status, 0)].filter((line) => line !== null),
      "The rollout is over. It starts again only after somebody restarts it.",
    ],
  },
  restart: {
    label: "Restart", title: "Allow another attempt", icon: "play", confirm: "Restart",
    will: (status) => [
      `Lifts the quarantine that the rollback put on this policy and build, and begins attempt ${status.attempt + 1}.`,
      `The ramp begins anew at ${firstPercent(status)}. Nothing served before counts.`,
      stillWatched,
    ],
  },
  complete: {
    label: "Complete", title: "Complete the rollout now", icon: "check", confirm: "Complete now",
    will: (status) => [
      `Ends the rollout with ${status.flag} on for everybody, without the rest of the soak.`,
      ...[switching(status, 100)].filter((line) => line !== null),
    ],
  },
};

/** The order of the buttons: forward first, then the ways to steer. Rollback stands apart. */
export const COMMAND_ORDER: CommandName[] = [
  "start", "restart", "resume", "pause", "advance", "stage", "approve", "extend", "complete",
];

const RANK: Record<Role, number> = { sdk: 0, viewer: 1, operator: 2, release_owner: 3 };

export const mayOverrideGate = (role: Role): boolean => RANK[role] >= RANK.release_owner;

/** Why an order cannot be given now, in words; null where it can. An unmet gate is answered in the dialog. */
export function whyNot(command: Command | undefined, status: Status, role: Role, name = ""): string | null {
  if (!command) return "The server does not offer this.";
  if (RANK[role] < RANK[command.role]) {
    return `Needs the role of ${ROLE_WORDS[command.role]}; you are signed in as ${ROLE_WORDS[role]}.`;
  }
  if (command.legal && command.name === "approve" && status.approval?.two_person && status.approval.started_by === name) {
    return "You started this rollout: the policy asks for the approval of another person.";
  }
  if (gateBlocks(command.name, status)) {
    return mayOverrideGate(role) ? null : `The approval gate is not met: ${gateNames(missingRequired(status))} missing. A release owner may override it.`;
  }
  if (command.legal) return null;
  return command.why ?? "Not possible in this phase.";
}

export function gateBlocks(name: CommandName, status: Status): boolean {
  return name === "start" && status.phase === "waiting" && missingRequired(status).length > 0;
}

/** What must be there and is not; `missing` may also list what is only recommended. */
export const missingRequired = (status: Status): string[] =>
  status.gate.missing.filter((item) => !status.gate.recommended.includes(item));

export const gateNames = (items: string[]): string => items.map(gateName).join(", ");

/** The one order that the phase asks for, drawn in full colour. */
export function mainCommand(status: Status): CommandName | null {
  switch (status.phase) {
    case "waiting": return "start";
    case "paused": return "resume";
    case "rolled_back": return "restart";
    case "ramping":
      return status.decision.reasons.some((reason) => /approv/.test(reason.code)) ? "approve" : null;
    case "completed": return null;
  }
}


// Carries out what a key means: opens a dialog, or goes to a part of the page.
import type { Status } from "../api/types";
import { keyAct } from "../words/keys";
import { whyNot } from "../words/commands";
import { dialogs } from "./dialogs.svelte";
import { session } from "./session.svelte";

export function onKey(event: KeyboardEvent, status: Status | null): void {
  const act = keyAct(event);
  if (act === null || status === null || session.state !== "in") return;
  event.preventDefault();
  if ("go" in act) document.getElementById(act.go)?.scrollIntoView({ block: "start" });
  else if ("open" in act) act.open === "report" ? dialogs.report() : dialogs.keys();
  else if (whyNot(status.commands.find((one) => one.name === act.order), status, session.role, session.name) === null) dialogs.command(act.order);
}

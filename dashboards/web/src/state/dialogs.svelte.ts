// Which dialog is open, and whether the big rollback button is in view (else the bar shows one).
import type { CommandName, Report } from "../api/types";

type Open = { kind: "command"; name: CommandName } | { kind: "report" } | { kind: "keys" } | { kind: "dismiss"; report: Report } | null;

class Dialogs {
  open = $state.raw<Open>(null);
  rollbackInView = $state(false);
  scrolled = $state(false);

  command(name: CommandName): void {
    this.open = { kind: "command", name };
  }
  report(): void {
    this.open = { kind: "report" };
  }
  keys(): void {
    this.open = { kind: "keys" };
  }
  dismiss(report: Report): void {
    this.open = { kind: "dismiss", report };
  }
  close(): void {
    this.open = null;
  }
}

export const dialogs = new Dialogs();

// What the ops API answers, under the names the page has for it. The types themselves are generated.
import type { Order } from "./schema";

export type {
  Approval, Artifact, Attempt, Cause, Check, Command, CommandName, DeadLetter, Entry, Explained, Fleet, Gate, GateItem, GateState, History,
  JournalPage, Need as Reason, Notifications, Phase, Point, Proof, Readings, Report, ReportKind, Reports, Role, RollbackReport, Rollouts, Series,
  Serving as Replica, SignedIn as Session, Stage, Status, SubjectExplained as Subject, Target, TestResults, TriedAgain, Unit, Verdict, Watching as Viewer,
} from "./schema";

/** What is asked for with an order; who orders says why. */
export type CommandBody = Order & { reason: string };

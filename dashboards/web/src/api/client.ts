// The only place that talks to the server: one function per resource of /api/v1.
import { Problem, problemOf } from "./problem";
import type {
  CommandBody, CommandName, Explained, Fleet, History, JournalPage, Notifications, Readings, ReportKind, Reports, RollbackReport, Rollouts, Session, Status,
  Subject, TestResults, TriedAgain,
} from "./types";

const REQUEST_TIMEOUT_MS = 15_000;
const base = new URL("api/v1/", document.baseURI);

export const eventsUrl = new URL("events", base).href;

/** Called on every 401, so that the sign-in form can come up wherever it happened. */
let whenSignedOut: () => void = () => {};
export function onSignedOut(callback: () => void): void {
  whenSignedOut = callback;
}

type Query = Record<string, string | number | string[] | null | undefined>;
type Sent = { method?: string; body?: unknown; headers?: Record<string, string>; query?: Query };

async function ask<T>(path: string, sent: Sent = {}): Promise<T> {
  const url = new URL(path, base);
  for (const [key, value] of Object.entries(sent.query ?? {})) {
    if (Array.isArray(value)) value.forEach((one) => url.searchParams.append(key, one));
    else if (value !== null && value !== undefined && value !== "") url.searchParams.set(key, String(value));
  }
  const headers: Record<string, string> = { accept: "application/json, application/problem+json", ...sent.headers };
  if (sent.body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method: sent.method ?? "GET",
      headers,
      body: sent.body === undefined ? null : JSON.stringify(sent.body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch {
    throw new Problem(0, { detail: "The connection broke, or no answer came within 15 seconds." });
  }
  if (response.status === 401 && path !== "session") whenSignedOut();
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  try {
    return (text ? JSON.parse(text) : undefined) as T;
  } catch {
    throw new Problem(response.status, { title: "The answer could not be read" });
  }
}

const of = (flag: string, rest = "") => `rollouts/${encodeURIComponent(flag)}${rest}`;

export const api = {
  session: () => ask<Session>("session"),
  signIn: (token: string) => ask<Session>("session", { method: "POST", body: { token } }),
  signOut: () => ask<void>("session", { method: "DELETE" }),

  rollouts: () => ask<Rollouts>("rollouts"),
  rollout: (flag: string) => ask<Status>(of(flag)),

  /** `revision` null: no If-Match, the order holds whatever the state has become. */
  command(flag: string, name: CommandName, body: CommandBody, key: string, revision: number | null): Promise<Status> {
    const headers: Record<string, string> = { "idempotency-key": key };
    if (revision !== null) headers["if-match"] = `"${revision}"`;
    return ask<Status>(of(flag, `/${name}`), { method: "POST", body, headers });
  },

  journal: (flag: string, query: { after?: number | string | null; limit?: number; kind?: string | string[]; rollout?: string; order?: "desc" }) =>
    ask<JournalPage>(of(flag, "/journal"), { query }),

  readings: (flag: string, query: { check?: string; from: number; to: number; step: number }) =>
    ask<Readings>(of(flag, "/readings"), { query }),

  subject: (flag: string, subject: string) => ask<Subject>(`flags/${encodeURIComponent(flag)}/explain`, { query: { subject } }),
  attempts: (flag: string) => ask<History>(of(flag, "/history"), { query: { limit: 100 } }),

  explain: (flag: string, seq: number) => ask<Explained>(of(flag, "/explain"), { query: { seq } }),
  fleet: () => ask<Fleet>("fleet"),
  /** Where the whole journal is downloaded from, as it is filtered. */
  exported: (flag: string, format: "json" | "csv", kind: string) =>
    new URL(`${of(flag, "/journal/export")}?format=${format}${kind ? `&kind=${encodeURIComponent(kind)}` : ""}`, base).href,
  /** Of the newest attempt that was rolled back, where none is named. */
  rollbackReport: (flag: string, rollout: string | null) => ask<RollbackReport>(of(flag, "/rollback-report"), { query: { rollout } }),
  notifications: () => ask<Notifications>("notifications"),
  testNotifications: () => ask<TestResults>("notifications/test", { method: "POST", body: {} }),
  retryNotification: (id: string) => ask<TriedAgain>(`notifications/${encodeURIComponent(id)}/retry`, { method: "POST", body: {} }),

  reports: (flag: string) => ask<Reports>(of(flag, "/reports")),
  report: (flag: string, kind: ReportKind, text: string) =>
    ask<unknown>(of(flag, "/reports"), { method: "POST", body: { kind, text } }),
  dismissReport: (flag: string, id: number | string, reason: string) =>
    ask<unknown>(of(flag, `/reports/${encodeURIComponent(String(id))}/dismiss`), { method: "POST", body: { reason } }),
};

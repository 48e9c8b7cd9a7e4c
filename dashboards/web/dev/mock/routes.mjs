// Which path answers what.
import { bodyOf, cookies, file, problem, reply } from "./http.mjs";
import { order } from "./orders.mjs";
import { series } from "./checks.mjs";
import { statuses, worldOf } from "./worlds.mjs";

const PAGE_MAX = 100;
const HOUR_SECONDS = 3_600;

export async function answer(request, response, defaults) {
  const url = new URL(request.url, "http://mock");
  const choice = { ...defaults, ...JSON.parse(cookies(request).mock ?? "{}") };
  if (!url.pathname.startsWith("/api/") && !url.pathname.startsWith("/mock/")) {
    const wanted = Object.fromEntries([...url.searchParams].filter(([key]) => ["situation", "role", "world"].includes(key)));
    const chosen = Object.keys(wanted).length > 0 ? { ...defaults, ...wanted } : choice;
    const keep = encodeURIComponent(JSON.stringify({ situation: chosen.situation, role: chosen.role, world: chosen.world }));
    return file(url.pathname, response, { "set-cookie": `mock=${keep}; Path=/; SameSite=Strict; HttpOnly` });
  }
  const world = worldOf(choice);
  if (url.pathname.startsWith("/mock/")) return trick(world, url, response);
  if (Date.now() < world.cutUntil) return request.socket.destroy();
  const path = url.pathname.slice("/api/v1".length);
  if (path === "/session") return session(world, request, response);
  if (!world.signedIn) return problem(response, 401, "Not signed in", "sign in with an ops token");
  if (path === "/events") return events(world, request, response, defaults.cut);
  if (path.startsWith("/gate/artifacts/")) return reply(response, 200, { file: decodeURIComponent(path.split("/").pop()), passed: true });
  if (path.startsWith("/notifications")) return notifications(world, path, response);
  if (path === "/fleet") return reply(response, 200, fleetOf(world));
  if (path === "/rollouts") return reply(response, 200, { rollouts: statuses(world) });
  const [, asked] = /^\/flags\/([^/]+)\/explain$/.exec(path) ?? [];
  if (asked) return explainSubject(statuses(world).find((one) => one.flag === asked), url.searchParams.get("subject") ?? "", response);
  const [, flag, rest = "", id] = /^\/rollouts\/([^/]+)(?:\/([a-z-]+))?(?:\/(\d+)\/dismiss)?$/.exec(path) ?? [];
  const status = statuses(world).find((one) => one.flag === flag);
  if (!status) return problem(response, 404, "No such flag", flag ?? path);
  if (request.method === "GET") return read(world, rest, status, url.searchParams, response);
  const body = await bodyOf(request);
  if (rest === "reports") return report(world, id, body, response);
  return order(world, rest, body, request.headers, response);
}

/** One target that takes everything. */
function notifications(world, path, response) {
  const [, again] = /^\/notifications\/(.+)\/retry$/.exec(path) ?? [];
  if (path.endsWith("/test")) return reply(response, 200, { results: [{ target: "ops", ok: true, detail: "it was taken" }] });
  const dead = world.deadLetters ?? [];
  if (again) {
    world.deadLetters = dead.filter((letter) => letter.id !== again);
    return reply(response, 200, { id: again, target: "ops" });
  }
  const ops = { name: "ops", kind: "webhook", host: "hooks.example", waiting: 0, delivered: 7, dead: dead.length, last_delivered_at: null, last_error: null };
  return reply(response, 200, { targets: [ops], dead, warnings: [] });
}

async function session(world, request, response) {
  if (request.method === "POST") {
    const { token } = await bodyOf(request);
    if (token !== "let-me-in") return problem(response, 401, "This token is not known", "check it, or ask for a new one");
    world.signedIn = true;
  }
  if (request.method === "DELETE") {
    world.signedIn = false;
    return reply(response, 204, undefined);
  }
  return world.signedIn ? reply(response, 200, { role: world.role, name: "ops:you" }) : problem(response, 401, "Not signed in", "");
}

function read(world, what, status, query, response) {
  const number = (name, otherwise) => Number(query.get(name) ?? otherwise);
  const main = status.flag === world.flag;
  switch (what) {
    case "": return reply(response, 200, status);
    case "history": return reply(response, 200, { rollouts: status.started_at ? [{
      rollout_id: status.rollout_id, attempt: status.attempt, phase: status.phase, started_at: status.started_at, started_by: "ops:anna",
      ended_at: status.ended_at, highest_percent: Math.max(status.percent, 20), sentence: status.sentence }] : [], next: null });
    case "journal": return reply(response, 200, main ? page(world.journal, query) : { entries: [], next: null });
    case "readings": return reply(response, 200, { series: main ? series(world, { check: query.get("check"), from: number("from", 0), to: number("to", 0), step: number("step", 30) }) : [] });
    case "rollback-report": return main && world.phase === "rolled_back" ? reply(response, 200, rollbackReport(world, status)) : problem(response, 404, "Not found", "");
    case "explain": return reply(response, 200, { seq: number("seq", 0), text: `${status.flag} · entry ${query.get("seq")}\n\nrule breach: A check that breaks its rollback limit takes the flag to 0 % at once.\n  breach    null_audit_signatures   3, over the limit of 0\n\nnearest: it would have stayed at 20 %, had null audit signatures read no more than 0\n` });
    case "reports": return reply(response, 200, { reports: main ? world.reports : [] });
    default: return problem(response, 404, "Not found", what);
  }
}

function fleetOf(world) {
  const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
  const flags = { [world.flag]: world.revision };
  return {
    replicas: [
      { id: "0198c0de-0000-7000-8000-000000000001", build: "0.9.4+3f2a91c", seen_at: ago(1), age_seconds: 1.2, alive: true, leases: world.leaseHeld ? [world.flag] : [], this: true },
      { id: "0198c0de-0000-7000-8000-000000000002", build: "0.9.4+3f2a91c", seen_at: ago(140), age_seconds: 140, alive: false, leases: [], this: false },
    ],
    viewers: [{ id: 2, name: "operator#4e51", since: ago(900), revisions: flags, behind_ms: 31 }, { id: 7, name: "viewer#09af", since: ago(40), revisions: flags, behind_ms: null }],
    viewers_total: 2,
    propagation: { flag: world.flag, revision: world.revision, committed_at: ago(300), slowest_ms: 31, viewers: 1 },
  };
}

function rollbackReport(world, status) {
  const at = (ms) => new Date(world.endedMs - ms).toISOString();
  const to = world.endedMs / 1000;
  return {
    flag: status.flag, rollout_id: status.rollout_id, attempt: status.attempt, sentence: status.sentence, rolled_back_at: at(0),
    timeline: [
      { what: "measured", at: at(40), text: "null audit signatures was measured" },
      { what: "decided", at: at(38), text: "the rules asked for a rollback" },
      { what: "effective", at: at(38), text: "nobody was served by the daemon any more" },
      { what: "committed", at: at(0), text: "0 % was written down" },
    ],
    checks: status.checks, entries: world.journal, readings: series(world, { check: null, from: to - HOUR_SECONDS, to, step: 30 }),
    explanation: { seq: 3, text: "rule breach: A check that breaks its rollback limit takes the flag to 0 % at once.\n\nnearest: it would have stayed at 20 %\n" },
  };
}

/** A bucket that depends on the name alone. */
function explainSubject(status, subject, response) {
  if (!status) return problem(response, 404, "No such flag", "");
  const bucket = ([...subject].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 99_991, 7) % 100) + 1;
  reply(response, 200, {
    key: status.flag, value: bucket <= status.percent, bucket, buckets: 100, percent: status.percent, targeted: null,
    sentence: `${bucket <= status.percent ? "On" : "Off"}: bucket ${bucket} of 100 is ${bucket <= status.percent ? "" : "not "}within ${status.percent} %; the stage of ${status.stages.find((one) => one.percent >= bucket)?.percent} % turns bucket ${bucket} of 100 on`,
  });
}

function page(journal, query) {
  const limit = Math.min(PAGE_MAX, Number(query.get("limit") ?? 50));
  const after = query.has("after") ? Number(query.get("after")) : null;
  const newestFirst = query.get("order") === "desc";
  const kinds = query.getAll("kind");
  const inOrder = newestFirst ? [...journal].reverse() : journal;
  const found = inOrder.filter((entry) => (kinds.length === 0 || kinds.includes(entry.kind)) && (after === null || (newestFirst ? entry.seq < after : entry.seq > after)));
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? entries[entries.length - 1].seq : null };
}

function report(world, id, body, response) {
  if (id) {
    const found = world.reports.find((one) => one.id === Number(id));
    if (!found) return problem(response, 404, "No such report", id);
    if (!body.reason) return problem(response, 422, "A reason is needed", "");
    Object.assign(found, { dismissed_at: new Date().toISOString(), dismissed_by: "ops:you", dismiss_reason: body.reason });
    world.still = null;
    return reply(response, 200, found);
  }
  if (!body.text) return problem(response, 422, "A text is needed", "");
  const made = world.addReport(body.kind, body.text, "ops:you");
  world.onStatus();
  return reply(response, 201, made);
}

function events(world, request, response, cut) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("retry: 1000\n\n");
  const listener = (event, data, id) => {
    if (!world.quiet) response.write(`${id ? `id: ${id}\n` : ""}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const hangUp = () => request.socket.destroy();
  for (const status of statuses(world)) listener("status", status);
  world.listeners.add(listener);
  (world.streams ??= new Set()).add(hangUp);
  if (cut > 0) setTimeout(hangUp, cut * 1000).unref();
  request.on("close", () => {
    world.listeners.delete(listener);
    world.streams.delete(hangUp);
  });
}

/** POST-free levers for tests and for looking: /mock/cut?seconds=5, /mock/move, /mock/quiet, /mock/expire. */
function trick(world, url, response) {
  switch (url.pathname) {
    case "/mock/cut":
      world.cutUntil = Date.now() + Number(url.searchParams.get("seconds") ?? 5) * 1000;
      for (const hangUp of world.streams ?? []) hangUp();
      break;
    case "/mock/move":
      world.revision += 1;
      world.pause("ops:marc", "moved by somebody else");
      break;
    case "/mock/quiet": world.quiet = !world.quiet; break;
    case "/mock/expire":
      world.signedIn = false;
      for (const hangUp of world.streams ?? []) hangUp();
      break;
    case "/mock/spoil":
      world.rollBack("rampart", { code: "breach", check: "server_errors", text: "a 5xx on GET /v1/parts/low-stock, none allowed" }, "", {});
      break;
  }
  reply(response, 200, { done: true });
}

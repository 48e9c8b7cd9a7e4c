// POST /rollouts/{flag}/{command}: the rules of refusal, then the verb of the world.
import { problem, reply } from "./http.mjs";
import { commands, statusOf } from "./status.mjs";

const RANK = { viewer: 0, operator: 1, release_owner: 2 };

export function order(world, name, body, headers, response) {
  const rule = commands(world).find((one) => one.name === name);
  if (!rule) return problem(response, 404, "No such command", name);
  if (!headers["idempotency-key"]) return problem(response, 400, "Idempotency-Key is missing", "");
  if (RANK[world.role] < RANK[rule.role]) return problem(response, 403, "Your role does not allow this", `${name} needs ${rule.role}`);
  const expected = headers["if-match"];
  if (expected && expected !== `"${world.revision}"`) {
    return problem(response, 412, "Somebody else moved it", `you saw revision ${expected}, it is now "${world.revision}"`);
  }
  const missing = name === "start" ? world.gateMissing.filter((item) => world.gateRequired.includes(item)) : [];
  const override = body.override_gate === true && world.role === "release_owner";
  if (missing.length > 0 && !override && world.phase === "waiting") {
    return problem(response, 409, "The approval gate is not met", `${missing.length} required items are missing`, { missing });
  }
  if (!rule.legal && !override) return problem(response, 409, "Not possible now", rule.why);
  if ((rule.needs_reason || override) && !String(body.reason ?? "").trim()) return problem(response, 422, "A reason is needed", `${name} raises exposure outside the rules`);
  // A reason that begins with "refuse" is refused, so that the dialogs can be seen with a refusal in them.
  if (/^refuse/.test(body.reason ?? "")) return problem(response, 409, "Not possible now", "the window opens at 08:00 Europe/Monaco");

  world.revision += 1;
  carryOut(world, name, body);
  world.onStatus();
  return reply(response, 200, statusOf(world));
}

export function carryOut(world, name, { reason = "", percent, override_gate, extend_seconds }) {
  const actor = "ops:you";
  switch (name) {
    case "start": return world.start(actor, reason, Date.now(), override_gate === true);
    case "restart": return world.start(actor, reason);
    case "pause": return world.pause(actor, reason);
    case "resume": return world.resume(actor, reason);
    case "advance": return world.advance(actor, reason);
    case "stage": return world.setStage(actor, reason, percent);
    case "extend": world.extended += extend_seconds ?? 0; return world.note("extended", { actor, reason });
    case "approve": world.still = null; world.needsApproval = false; return world.note("approved", { actor, reason });
    case "complete": return world.complete(actor, reason);
    case "rollback": return world.rollBack(actor, { code: "command", text: "rolled back by ops:you" }, reason, {});
  }
}

// A real daemon with a real PostgreSQL of its own, a real browser, and a network between them that can be cut.
//
// Each situation has a flag of its own. What its check reads is the number in the name of a place on board, which a test
// writes into the database; a policy asks for it in SQL.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { LAUNCH } from "../browser.mjs";
import { tools, watched } from "../page.mjs";
import { network } from "./network.mjs";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PROGRAM = process.env.RAMPART ?? join(ROOT, "target/debug/rampart");
const SHOTS = process.env.SHOTS ?? join(ROOT, "target/screenshots");
const TOKENS = { viewer: "a-viewer-of-tests-1", operator: "an-operator-of-tests-1", release_owner: "an-owner-of-tests-1", second_owner: "an-owner-of-tests-2" };

const run = promisify(execFile);

/** A policy with one check, `level`: it advances below 5 and rolls back above 10. */
export const policy = (flag, rest = "") => `
flag: ${flag}
stages:
  - { percent: 5,   soak: 1h, min_requests: 0 }
  - { percent: 20,  soak: 1h, min_requests: 0 }
  - { percent: 50,  soak: 1h, min_requests: 0 }
  - { percent: 100, soak: 1h, min_requests: 0 }
tick: 1s
stale_after: 10s
checks:
  level: { signal: { sql: "select split_part(name, '=', 2)::float8 from pms_part_locations where name like 'level:$flag=%'" }, advance_if: "< 5", rollback_if: "> 10" }
${rest}`;

export async function startRig(policies) {
  const folder = await mkdtemp(join(tmpdir(), "rampart-page-"));
  await mkdir(join(folder, "policies"));
  for (const [flag, text] of Object.entries(policies)) await writeFile(join(folder, `policies/${flag}.yaml`), text);
  const daemon = spawn(PROGRAM, ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--policies", join(folder, "policies")], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env, DATABASE_URL: undefined,
      RAMPART_OPS_TOKENS: `${TOKENS.viewer}:viewer,${TOKENS.operator}:operator,${TOKENS.release_owner}:release_owner,${TOKENS.second_owner}:release_owner`,
    },
  });
  let base;
  for await (const line of createInterface(daemon.stdout)) {
    base = /^page +(http:\S+?)\/?$/.exec(line)?.[1];
    if (base) break;
  }
  assert.ok(base, "the daemon did not start");
  const browser = await chromium.launch(LAUNCH);

  const ask = async (path, { method = "GET", as = "release_owner", body } = {}) => {
    const headers = { authorization: `Bearer ${TOKENS[as]}`, "content-type": "application/json" };
    const answer = await fetch(`${base}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  };

  const rig = {
    base, ask, TOKENS,
    sql: (text) => run(PROGRAM, ["psql", "--data-dir", folder, "--", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text]).then(({ stdout }) => stdout.trim()),
    /** What the check of these flags reads from now on; null: nothing can be read. */
    level: (levels) => rig.sql(Object.entries(levels).map(([flag, level]) =>
      `delete from pms_part_locations where name like 'level:${flag}=%';` +
      (level === null ? "" : `insert into pms_part_locations (yacht_id, name) select min(id::text)::uuid, 'level:${flag}=${level}' from yachts;`)).join("")),
    order: (flag, command, body = {}, as) => ask(`rollouts/${flag}/${command}`, { method: "POST", as, body: { reason: "for a test", ...body } }),
    /** Waits until the status of a flag is as wanted. */
    async until(flag, wanted) {
      for (const end = Date.now() + 20_000; ;) {
        const status = await ask(`rollouts/${flag}`);
        if (wanted(status)) return status;
        assert.ok(Date.now() < end, `${flag} did not become as wanted: ${JSON.stringify(status)}`);
        await new Promise((go) => setTimeout(go, 100));
      }
    },
    /** Opens the page as `as`, signed in by hand; fails on a console error, a break of the CSP or a foreign request. */
    async open(story, { as = "operator", flag, net, hash = "", ready = ".fresh.live", ...options } = {}) {
      const origin = net?.url ?? base;
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
      const page = await context.newPage();
      const wrong = await watched(page, origin);
      try {
        await page.goto(`${origin}/${flag ? `?flag=${flag}` : ""}${hash}`);
        if (as !== null) {
          await page.getByLabel("Token").fill(TOKENS[as]);
          await page.keyboard.press("Enter");
          await page.locator(ready).waitFor();
        }
        await story(page, tools(page));
        assert.deepEqual(wrong, []);
      } finally {
        await context.close();
      }
    },
    /** A network of its own to the daemon. */
    network: () => network(base),
    async shot(page, name) {
      await mkdir(SHOTS, { recursive: true });
      await page.screenshot({ path: join(SHOTS, `${name}.png`) });
    },
    async stop() {
      await browser.close();
      if (daemon.exitCode === null) {
        daemon.kill("SIGINT");
        await once(daemon, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

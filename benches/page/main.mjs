// How fast the page is, on a release build with a PostgreSQL of its own, in a headless browser on the same machine:
//   node benches/page/main.mjs
// Needs target/release/rampart and the packages of dashboards/web.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

process.env.RAMPART ??= fileURLToPath(new URL("../../target/release/rampart", import.meta.url));
const { policy, startRig } = await import("../../dashboards/web/tests/real/rig.mjs");

const LOADS = 40, CHANGES = 60, DRAWS = 30;
const FLAG = "bench";

function row(figure, samples, target) {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const shown = (ms) => `${ms.toPrecision(3)} ms`;
  const verdict = target === undefined ? "–" : `p95 ≤ ${target} ms: ${at(0.95) <= target ? "met" : "MISSED"}`;
  console.log(`| ${[figure, sorted.length, shown(at(0.5)), shown(at(0.95)), shown(at(0.99)), shown(sorted.at(-1)), verdict].join(" | ")} |`);
}

/** When something that `selector` names is first painted, in ms since the navigation began. */
const painted = (selector) => `(() => {
  const look = () => document.querySelector(${JSON.stringify(selector)}) ? requestAnimationFrame(() => (window.painted = performance.now())) : requestAnimationFrame(look);
  look();
})()`;

/** Loads an address anew, without a cache, as often as asked. */
async function loads(context, address, selector) {
  const took = [];
  for (let load = 0; load < LOADS; load += 1) {
    const page = await context.newPage();
    await page.addInitScript(painted(selector));
    await page.goto(address, { waitUntil: "commit" });
    took.push(await page.waitForFunction(() => window.painted).then((handle) => handle.jsonValue()));
    await page.close();
  }
  return took;
}

const rig = await startRig({ [FLAG]: policy(FLAG) });
try {
  await rig.level({ [FLAG]: 1 });
  await rig.order(FLAG, "start");
  await rig.until(FLAG, ({ checks }) => checks[0].verdict === "healthy");
  console.log("| figure | n | p50 | p95 | p99 | max | target |\n| --- | --- | --- | --- | --- | --- | --- |");

  await rig.open(async (page) => {
    const context = page.context();
    row("an answer of one line, first paint (what the browser itself takes)", await loads(context, `${rig.base}/healthz`, "body"));
    row("the page, first paint with data", await loads(context, `${rig.base}/?flag=${FLAG}`, ".sentence"), 500);

    await page.evaluate(() => {
      window.seen = [];
      const word = () => document.querySelector(".phase")?.textContent.trim();
      let last = word();
      new MutationObserver(() => {
        const now = word();
        if (now === last) return;
        last = now;
        requestAnimationFrame(() => window.seen.push({ word: now, at: Date.now() }));
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    const visible = [];
    for (let change = 0; change < CHANGES; change += 1) {
      const paused = change % 2 === 0;
      const { committed_at } = await rig.order(FLAG, paused ? "pause" : "resume");
      const seen = await page.waitForFunction((count) => window.seen[count], change).then((handle) => handle.jsonValue());
      assert.equal(seen.word, paused ? "Paused" : "Ramping");
      visible.push(seen.at - Date.parse(committed_at));
    }
    row("change committed → painted on the page", visible, 100);
  }, { flag: FLAG, as: "release_owner" });

  // A day of readings, every five seconds, of the rollout that is shown.
  await rig.sql(`
    insert into rampart.ticks (rollout_id, at, epoch, credit_ms, checks)
      select t.rollout_id, t.at - make_interval(secs => 5 * k), t.epoch, 0, jsonb_set(t.checks, '{0,value}', to_jsonb(2 + 2 * sin(k / 400.0)))
        from (select * from rampart.ticks order by at desc limit 1) t, generate_series(1, 17280) k on conflict do nothing;
    update rampart.rollouts set started_at = started_at - interval '1 day',
      state = jsonb_set(state, '{started_at}', to_jsonb(started_at - interval '1 day'));`);
  await rig.until(FLAG, ({ started_at }) => Date.now() - Date.parse(started_at) > 86_000_000);
  await rig.open(async (page, { button }) => {
    await button("Level").click();
    await page.locator(".uplot canvas").waitFor();
    const drawn = [];
    for (let draw = 0; draw < DRAWS; draw += 1) {
      await button("15 min").click();
      await page.waitForTimeout(200);
      const took = await page.evaluate(() => new Promise((done) => {
        const began = performance.now();
        const arrived = () => performance.getEntriesByType("resource").some(({ name, startTime, responseEnd }) => name.includes("check=level") && startTime >= began && responseEnd > 0);
        const look = () => (arrived() ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))) : requestAnimationFrame(look));
        performance.clearResourceTimings();
        [...document.querySelectorAll(".ranges button")].find((one) => one.textContent === "Whole rollout").click();
        look();
      }));
      drawn.push(took);
    }
    const { series } = await rig.ask(`rollouts/${FLAG}/readings?check=level&from=${Math.floor(Date.now() / 1000) - 86_400}&points=360`);
    assert.ok(series[0].points.length > 200, `${series[0].points.length} points of a day`);
    row("a day at 5 s: chosen → drawn (at most 360 points of 17280 readings)", drawn, 300);
  }, { flag: FLAG });
} finally {
  await rig.stop();
}

// What the page says of each phase of a real daemon; who is let in; the stream that is lost and comes back.
//
// A picture of every situation is kept, for people to look at.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { violations } from "../axe.mjs";
import { policy, startRig } from "./rig.mjs";

const DESK = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 } };
const LOOKS = {
  light: { colorScheme: "light", ...DESK },
  dark: { colorScheme: "dark", ...DESK },
  "phone-light": { colorScheme: "light", ...PHONE },
  "phone-dark": { colorScheme: "dark", ...PHONE },
};

/** Each flag, how it comes there, and what the page must say of it. */
const SITUATIONS = {
  waiting: { says: ["Waiting to start", /a start would begin with 5\s%/, "Nobody is exposed"] },
  ramping: { level: 1, orders: ["start"], says: ["Ramping", "All 1 healthy", /^5\s% since .* advances to 20\s%/] },
  degraded: { level: 7, orders: ["start"], says: ["1 of 1 degraded", "no time can be given yet", /2 above/] },
  blind: { level: null, orders: ["start"], says: ["1 of 1 blind", "nothing measured"] },
  paused: { level: 1, orders: ["start", "pause"], says: ["after somebody resumes it", /^Paused at 5\s%/] },
  completed: { level: 1, orders: ["start", "complete"], says: ["Nothing more", "the rollout is complete"] },
  rolled_back: { level: 11, orders: ["start"], says: [/^Rolled back to 0\s% on/, "1 of 1 in breach", "Nothing by itself"] },
  part_lens_v2: { orders: ["start"], body: { override_gate: true }, says: ["Ramping", /^0 of 100 canary requests/] },
};
const OTHERS = ["live", "stream", "again"];

let rig;
before(async () => {
  const flags = [...Object.keys(SITUATIONS), ...OTHERS].filter((flag) => flag !== "part_lens_v2");
  const lens = await readFile(new URL("../../../../policies/part_lens_v2.yaml", import.meta.url), "utf8");
  rig = await startRig({ ...Object.fromEntries(flags.map((flag) => [flag, policy(flag)])), part_lens_v2: lens });
  const levels = Object.entries(SITUATIONS).filter(([, { level }]) => level !== undefined).map(([flag, { level }]) => [flag, level]);
  await rig.level({ ...Object.fromEntries(levels), ...Object.fromEntries(OTHERS.map((flag) => [flag, 1])) });
  const orders = Object.entries(SITUATIONS).flatMap(([flag, { orders = [], body }]) => orders.map((order) => [flag, order, body]));
  for (const [flag, order, body] of [...orders, ...OTHERS.map((flag) => [flag, "start"])]) await rig.order(flag, order, body);
});
after(() => rig?.stop());

for (const [flag, { says }] of Object.entries(SITUATIONS)) {
  test(`${flag} is said in words, in every look, and keeps nobody out`, async () => {
    for (const [look, options] of Object.entries(LOOKS)) {
      await rig.open(async (page, { sees }) => {
        for (const words of says) await sees(words);
        await rig.shot(page, `${flag}-${look}`);
        assert.deepEqual(await violations(page), [], look);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${look} scrolls sideways by ${wide} px`);
      }, { flag, ...options, reducedMotion: "reduce" });
    }
  });
}

test("the whole rollout is on one screen", () =>
  rig.open(async (page, { sees }) => {
    await sees("Ramping");
    const bottom = (name) => page.locator(name).evaluate((node) => node.getBoundingClientRect().bottom);
    for (const part of [".card.where", ".facts.health", ".side"]) assert.ok((await bottom(part)) <= 900, part);
  }, { flag: "part_lens_v2" }));

test("the report of a rollback says what broke it, in every look", async () => {
  for (const [look, options] of Object.entries(LOOKS)) {
    await rig.open(async (page, { sees }) => {
      await sees("Rollback of rolled_back");
      await sees(/level: 11/);
      await sees(/rule breach: A check that breaks its rollback limit/);
      await rig.shot(page, `report-${look}`);
      assert.deepEqual(await violations(page), [], look);
    }, { flag: "rolled_back", hash: "#report", ready: "article", ...options });
  }
});

test("every rollout is listed with what it says of itself, and an earlier rollback keeps its report", async () => {
  for (const [look, options] of Object.entries(LOOKS)) {
    await rig.open(async (page, { sees }) => {
      for (const flag of Object.keys(SITUATIONS)) await page.getByRole("link", { name: flag, exact: true }).waitFor();
      await sees(/Attempt 1/);
      await rig.shot(page, `rollouts-${look}`);
      assert.deepEqual(await violations(page), [], look);
    }, { flag: "rolled_back", hash: "#rollouts", ready: "h1:has-text('Rollouts')", ...options });
  }
  await rig.order("again", "rollback");
  await rig.order("again", "restart");
  await rig.open(async (page, { sees }) => {
    await page.getByRole("link", { name: "Report" }).click();
    await sees("Rollback of again");
    await sees(/attempt 1/);
  }, { flag: "again", hash: "#rollouts", ready: "h1:has-text('Rollouts')" });
});

test("a newcomer says from the page alone why a rollout holds, and what broke one", async () => {
  await rig.open(async (page) => {
    const next = page.getByRole("region", { name: "Next" });
    await next.getByRole("listitem").first().waitFor();
    const reasons = await next.getByRole("listitem").allTextContents();
    assert.ok(reasons.some((reason) => /0 of 100 canary requests/.test(reason)), reasons.join("; "));
  }, { flag: "part_lens_v2", as: "viewer" });
  await rig.open(async (page, { sees }) => {
    await page.getByRole("link", { name: "See the evidence" }).click();
    await sees(/^level: 11/);
    const row = page.getByRole("row").filter({ hasText: "Level" });
    assert.match(await row.first().textContent(), /Breach.*11.*≥?.*10/);
  }, { flag: "rolled_back", as: "viewer" });
});

test("who is not known is refused in place, and after many tries asked to wait; a right token still passes", () =>
  rig.open(async (page, { button, sees }) => {
    const token = page.getByLabel("Token");
    await rig.shot(page, "sign-in-light");
    assert.deepEqual(await violations(page), []);
    await token.fill("not-a-token-of-anybody");
    await button("Sign in").click();
    await sees("this token is not known");
    const tries = await page.evaluate(() => Promise.all(Array.from({ length: 70 }, () =>
      fetch("/api/v1/session", { method: "POST", headers: { "content-type": "application/json" }, body: '{"token":"guessed"}' }).then((answer) => answer.status))));
    assert.ok(tries.includes(429) && tries.every((status) => status === 401 || status === 429), tries.join());
    await token.fill("not-a-token-of-anybody");
    await button("Sign in").click();
    await sees("Wait a minute");
    await rig.shot(page, "sign-in-refused-light");
    await token.fill(rig.TOKENS.viewer);
    await button("Sign in").click();
    await page.locator(".fresh.live").waitFor();
    await button("Sign out").click();
    await token.waitFor();
  }, { as: null }));

test("what a check reads is seen without a reload, and so is the rollback that follows", () =>
  rig.open(async (page, { sees }) => {
    await sees("All 1 healthy");
    await rig.level({ live: 3 });
    await sees(/2 below the limit/);
    await rig.level({ live: 12 });
    await sees("Rolled back to 0");
    await sees("1 of 1 in breach");
  }, { flag: "live" }));

test("a stream that breaks greys the page; what happened meanwhile is there when it comes back", async () => {
  const net = await rig.network();
  try {
    await rig.open(async (page, { sees }) => {
      await sees("All 1 healthy");
      net.cut();
      await sees("The connection to Rampart is lost.");
      await page.waitForFunction(() => getComputedStyle(document.querySelector(".facts")).filter === "grayscale(1)");
      assert.match(await page.title(), /^Lost: /);
      await rig.shot(page, "lost-light");
      await rig.order("stream", "pause");
      net.mend();
      await page.getByText("The connection to Rampart is lost.").waitFor({ state: "detached" });
      await sees("after somebody resumes it");
      await sees("Paused at 5");
    }, { flag: "stream", net });
  } finally {
    net.close();
  }
});

test("what a rollback will do is said before it is done", () =>
  rig.open(async (page, { dialog, sees }) => {
    await sees("Ramping");
    await page.keyboard.press("r");
    await sees("off for everybody, at once");
    await rig.shot(page, "rollback-dialog-phone-light");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  }, { flag: "ramping", ...LOOKS["phone-light"], reducedMotion: "reduce" }));

// Every order of the page, given to a real daemon by mouse and by keyboard; refusals; two people at one rollout.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { policy, startRig } from "./rig.mjs";

const TWO_PERSON = "approvals: { before: [20], by: release_owner, two_person: true }";
const FLAGS = ["by_mouse", "by_keyboard", "race", "lost_answer", "roles"];
const APPROVED = ["approved_by_mouse", "approved_by_keyboard"];
const GATED = "gate: { require: [acceptance] }";

let rig;
before(async () => {
  const plain = FLAGS.map((flag) => [flag, policy(flag)]);
  const approved = APPROVED.map((flag) => [flag, policy(flag, TWO_PERSON)]);
  rig = await startRig(Object.fromEntries([...plain, ...approved, ["gated", policy("gated", GATED)]]));
  await rig.level(Object.fromEntries([...FLAGS, ...APPROVED, "gated"].map((flag) => [flag, 1])));
});
after(() => rig?.stop());

/** How somebody presses, chooses and writes. */
const WAYS = {
  mouse: (page, { button, dialog, inDialog }) => ({
    press: (name) => button(name).click(),
    choose: (text) => dialog.getByText(text, { exact: true }).click(),
    write: (text) => dialog.getByRole("textbox").fill(text),
    confirm: (name) => inDialog(name).click(),
  }),
  keyboard: (page) => {
    const KEYS = { "Roll back to 0\u00a0%": "r", Pause: "p", Resume: "u", Advance: "a", "Set stage": "s", Approve: "o", "Report a problem": "w" };
    const focused = () => page.evaluate(() => document.activeElement?.closest("label")?.textContent ?? document.activeElement?.textContent ?? "");
    const tabTo = async (text) => {
      for (let tabs = 0; tabs < 60; tabs += 1) {
        if ((await focused()).trim().startsWith(text)) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`no tab leads to ${text}`);
    };
    return {
      async press(name) {
        if (KEYS[name]) return page.keyboard.press(KEYS[name]);
        await tabTo(name);
        return page.keyboard.press("Enter");
      },
      async choose(text) {
        const chosen = page.getByRole("dialog").locator("label").filter({ hasText: text }).locator("input");
        await tabTo("");
        for (let step = 0; step < 8 && !(await chosen.isChecked()); step += 1) await page.keyboard.press("ArrowDown");
        assert.ok(await chosen.isChecked());
      },
      async write(text) {
        const field = page.getByRole("dialog").getByRole("textbox");
        for (let tabs = 0; tabs < 20 && !(await field.evaluate((node) => node === document.activeElement)); tabs += 1) await page.keyboard.press("Tab");
        await page.keyboard.type(text);
      },
      async confirm(name) {
        await tabTo(name);
        await page.keyboard.press("Enter");
      },
    };
  },
};

for (const [way, hands] of Object.entries(WAYS)) {
  test(`every order by ${way}`, () =>
    rig.open(async (page, tool) => {
      const flag = `by_${way}`;
      const { press, choose, write, confirm } = hands(page, tool);
      /** Gives an order, and waits until the daemon has done it and the page shows it without a reload. */
      const give = async (name, { fill = async () => {}, confirmed = name, done, shows }) => {
        await press(name);
        await tool.dialog.waitFor();
        await fill();
        await confirm(confirmed);
        await tool.dialog.waitFor({ state: "detached" });
        await rig.until(flag, done);
        await tool.sees(shows);
      };
      const because = () => write(`by ${way}`);
      await tool.sees("Waiting to start");
      await give("Start", { fill: because, done: ({ phase, percent }) => phase === "ramping" && percent === 5, shows: /^5\s% since/ });
      await give("Pause", { fill: because, done: ({ phase }) => phase === "paused", shows: "after somebody resumes it" });
      await give("Resume", { fill: because, done: ({ phase }) => phase === "ramping", shows: "Ramping" });
      await give("Extend", { fill: because, done: ({ soak }) => soak.required_seconds === 7_200, shows: /of 2\sh/ });
      await give("Advance", { fill: because, confirmed: "Advance now", done: ({ percent }) => percent === 20, shows: /^20\s% since/ });
      await give("Set stage", {
        fill: async () => (await choose("50\u00a0%"), await because()), confirmed: "Set the stage", done: ({ percent }) => percent === 50, shows: /^50\s% since/,
      });
      await give("Report a problem", { fill: because, confirmed: "Send the report", done: () => true, shows: "Problem reported:" });
      await press("Dismiss…");
      await because();
      await confirm("Dismiss");
      await page.getByText("Problem reported:").waitFor({ state: "detached" });
      await give("Roll back to 0\u00a0%", { confirmed: "Roll back to 0\u00a0%", done: ({ phase }) => phase === "rolled_back", shows: "Nothing by itself" });
      await give("Restart", { fill: because, done: ({ phase, attempt }) => phase === "ramping" && attempt === 2, shows: /Attempt 2/ });
      await give("Complete", { fill: because, confirmed: "Complete now", done: ({ phase }) => phase === "completed", shows: "Nothing more" });
      // The report is kept with the reports, and a rollback needs no reason.
      const { entries } = await rig.ask(`rollouts/${flag}/journal?limit=100`);
      const reasons = entries.filter((entry) => entry.reason === `by ${way}`).map((entry) => entry.kind);
      assert.deepEqual(reasons, ["started", "paused", "resumed", "extended", "advanced", "stage_set", "restarted", "completed"]);
    }, { as: "release_owner", flag: `by_${way}` }));

  test(`the approval of a second person by ${way}`, async () => {
    const flag = `approved_by_${way}`;
    await rig.order(flag, "start", {}, "second_owner");
    await rig.open(async (page, tool) => {
      const { press, write, confirm } = hands(page, tool);
      await tool.sees("Ramping");
      await press("Approve");
      await tool.sees(/the policy asks for a second person, which is you/);
      await write("looked at it");
      await confirm("Approve");
      await tool.dialog.waitFor({ state: "detached" });
      const { approval } = await rig.until(flag, ({ approval }) => approval.approved_by !== null);
      assert.match(approval.approved_by, /release_owner/);
    }, { as: "release_owner", flag });
  });
}

test("of two people who act at once, the second is told what the first has done", async () => {
  await rig.order("race", "start");
  const net = await rig.network();
  try {
    await rig.open(async (page, { button, dialog, inDialog, sees }) => {
      await sees("Ramping");
      await button("Advance").click();
      await dialog.getByRole("textbox").fill("it looks good");
      // What the other does is not heard of here.
      net.hush();
      await rig.open(async (other, their) => {
        await their.button("Pause").click();
        await their.inDialog("Pause").click();
        await their.sees("after somebody resumes it");
      }, { flag: "race" });
      await inDialog("Advance now").click();
      await sees(/Somebody else moved it|It has changed meanwhile/);
      await sees(/It is now: paused/);
      const { percent, phase } = await rig.ask("rollouts/race");
      assert.deepEqual({ percent, phase }, { percent: 5, phase: "paused" });
    }, { flag: "race", net, as: "second_owner" });
  } finally {
    net.close();
  }
});

test("an order whose answer is lost is sent again, and is done once", async () => {
  await rig.order("lost_answer", "start");
  const net = await rig.network();
  try {
    await rig.open(async (page, { button, inDialog, sees }) => {
      await sees("Ramping");
      await button("Pause").click();
      net.cut();
      await inDialog("Pause").click();
      await sees("It is not known whether the order was carried out.");
      net.mend();
      await inDialog("Pause, again").click();
      await sees("after somebody resumes it");
    }, { flag: "lost_answer", net });
  } finally {
    net.close();
  }
  const { entries } = await rig.ask("rollouts/lost_answer/journal?limit=100");
  assert.equal(entries.filter(({ kind }) => kind === "paused").length, 1);
});

test("a gate that is not met refuses an operator, and a release owner passes it with a reason", async () => {
  await rig.open(async (page, { disabledBecause, sees }) => {
    await sees("Waiting to start");
    await disabledBecause("Start", /acceptance/i);
  }, { flag: "gated" });
  await rig.open(async (page, { button, dialog, inDialog, sees }) => {
    await sees("Waiting to start");
    await button("Start").click();
    await sees("The approval gate is not met.");
    await dialog.getByRole("checkbox").check();
    await dialog.getByRole("textbox").fill("accepted by hand on board");
    await inDialog("Start").click();
    await sees("Started past an unmet gate");
  }, { flag: "gated", as: "release_owner" });
});

test("a viewer sees everything and may order nothing", async () => {
  await rig.order("roles", "start");
  await rig.open(async (page, { button, disabledBecause, sees }) => {
    await sees("Ramping");
    for (const name of ["Roll back to 0\u00a0%", "Pause", "Advance", "Set stage", "Extend"]) {
      await disabledBecause(name, /Needs the role of/);
    }
    await page.keyboard.press("r");
    await button("Pause").click({ force: true });
    await sees(/Pause: Needs the role of/);
    assert.equal(await page.getByRole("dialog").count(), 0);
  }, { flag: "roles", as: "viewer" });
});

// Orders: what the dialogs ask, what they send, and how they show a refusal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withPages } from "./page.mjs";

const open = withPages();
const KEY = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("rollback takes one confirmation and no reason, and names no revision", () =>
  open("ramping", async (page, { button, dialog, sees, inDialog }) => {
    await button("Roll back to 0\u00a0%").click();
    await sees("off for everybody, at once");
    const sent = page.waitForRequest((request) => request.url().endsWith("/rollback"));
    await page.keyboard.press("Enter");
    const request = await sent;
    assert.match(request.headers()["idempotency-key"], KEY);
    assert.equal(request.headers()["if-match"], undefined);
    await dialog.waitFor({ state: "detached" });
    await sees("Nothing by itself");
    await sees("rolled back by ops:you");
    assert.equal(await inDialog("Roll back to 0\u00a0%").count(), 0);
  }));

test("the rollback button stays in sight when the page is scrolled on a phone", () =>
  open("ramping", async (page, { button, sees }) => {
    await sees("All 7 healthy");
    await button("Roll back to 0\u00a0%").scrollIntoViewIfNeeded();
    await button("Roll back").waitFor({ state: "detached" });
    await page.mouse.wheel(0, 3_000);
    await button("Roll back").waitFor();
  }, { viewport: { width: 390, height: 844 } }));

test("set stage asks for a stage and a reason and sends the revision", () =>
  open("ramping", async (page, { button, dialog, inDialog, sees }) => {
    await button("Set stage").click();
    assert.equal(await inDialog("Set the stage").getAttribute("aria-disabled"), "true");
    await dialog.getByText("50\u00a0%").click();
    await dialog.getByRole("textbox").fill("the yard closes early");
    const sent = page.waitForRequest((request) => request.url().endsWith("/stage"));
    await inDialog("Set the stage").click();
    const request = await sent;
    assert.deepEqual(request.postDataJSON(), { reason: "the yard closes early", percent: 50 });
    assert.equal(request.headers()["if-match"], '"1"');
    await sees("Stage set to 50");
  }));

test("a refusal is shown in the dialog, which stays open", () =>
  open("ramping", async (page, { button, dialog, inDialog, sees }) => {
    await button("Advance").click();
    await dialog.getByRole("textbox").fill("refuse this please");
    await inDialog("Advance now").click();
    await sees("the window opens at 08:00 Europe/Monaco");
    assert.equal(await dialog.count(), 1);
  }));

test("when somebody else moved it, the dialog says so and shows the new state", () =>
  open("ramping", async (page, { button, inDialog, sees, trick }) => {
    await sees("All 7 healthy");
    await button("Pause").click();
    await trick("quiet");
    await trick("move");
    await inDialog("Pause").click();
    await sees("Somebody else moved it");
    await sees("Pause is not possible any more: it is paused already");
  }));

test("without an answer the same key is sent again, so that nothing is done twice", () =>
  open("ramping", async (page, { button, inDialog, sees, trick }) => {
    await sees("All 7 healthy");
    await button("Pause").click();
    const keys = [];
    page.on("request", (request) => request.method() === "POST" && keys.push(request.headers()["idempotency-key"]));
    await trick("cut?seconds=2");
    await inDialog("Pause").click();
    await sees("It is not known whether the order was carried out.");
    await page.waitForTimeout(2_100);
    await inDialog("Pause, again").click();
    await sees("after somebody resumes it");
    assert.equal(new Set(keys).size, 1);
    assert.ok(keys.length >= 2);
  }));

test("a release owner may override the gate, with a reason", () =>
  open("gate", async (page, { button, dialog, inDialog, sees }) => {
    await button("Start").click();
    await sees("The approval gate is not met.");
    await dialog.getByRole("checkbox").check();
    await dialog.getByRole("textbox").fill("accepted by hand on board");
    await inDialog("Start").click();
    await sees("Started past an unmet gate");
  }, { role: "release_owner" }));

test("a viewer can look but not touch", () =>
  open("ramping", async (page, { disabledBecause, button, sees }) => {
    await sees("All 7 healthy");
    await disabledBecause("Roll back to 0\u00a0%", /Needs the role of operator; you are signed in as viewer/);
    await button("Advance").click({ force: true });
    await sees(/Advance: Needs the role/);
  }, { role: "viewer" }));

test("a report of wrong data rolls back, and an open report can be dismissed", () =>
  open("ramping", async (page, { button, dialog, inDialog, sees }) => {
    await button("Report a problem").click();
    await dialog.getByText("The data is wrong").click();
    await dialog.getByRole("textbox").fill("impellers of yacht B on yacht A");
    await inDialog("Send the report").click();
    await sees("Wrong data reported:");
    await sees("Nothing by itself");
    await button("Dismiss…").click();
    await dialog.getByRole("textbox").fill("a test report");
    await inDialog("Dismiss").click();
    await page.getByText("Wrong data reported:").waitFor({ state: "detached" });
  }));

test("escape closes a dialog and gives the focus back", () =>
  open("ramping", async (page, { button, dialog }) => {
    await button("Extend").click();
    await dialog.waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), "Extend");
  }));

// Everything by keyboard: a key opens, nothing but a confirmation acts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withPages } from "./page.mjs";

const open = withPages();

test("r opens the rollback, and only the confirmation sends it", () =>
  open("ramping", async (page, { dialog, sees }) => {
    await sees("All 7 healthy");
    let sent = 0;
    page.on("request", (request) => (sent += Number(request.method() === "POST")));
    await page.keyboard.press("r");
    await dialog.waitFor();
    await sees("309 of the 1,560 people seen in this stage switch back, each with the next request.");
    assert.equal(sent, 0);
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await sees("rolled back by ops:you");
  }));

test("a sheet lists the keys, and they rest while somebody types or may not give the order", () =>
  open("ramping", async (page, { dialog, sees, button }) => {
    await sees("All 7 healthy");
    await page.keyboard.press("?");
    await sees("A key only opens; an order is confirmed in its dialog.");
    await page.keyboard.press("p");
    assert.equal(await page.getByRole("heading", { name: "Pause the rollout" }).count(), 0);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.keyboard.press("u");
    assert.equal(await dialog.count(), 0, "it is not paused");
    await button("Advance").click();
    await dialog.getByRole("textbox").pressSequentially("per arrangement");
    assert.equal(await dialog.getByRole("textbox").inputValue(), "per arrangement");
  }));

test("an order tells how many people it reaches", () =>
  open("ramping", async (page, { sees }) => {
    await sees("All 7 healthy");
    await sees("measured 19.8\u00a0% of 1,560 people");
    await page.keyboard.press("a");
    await sees("About 468 of the 1,560 people seen in this stage get it, each with the next request.");
  }));

test("a user is explained: bucket, stage, and what is served", () =>
  open("ramping", async (page, { sees, button }) => {
    await sees("All 7 healthy");
    await page.getByText("Explain a user").click();
    await page.getByLabel("User id, or what the policy buckets by").fill("crew-17");
    await button("Explain").click();
    await sees(/^Bucket \d+ of 100, the same at every visit.$/);
    await sees(/stage of/);
    await sees("The flag stands at 20\u00a0%.");
  }));

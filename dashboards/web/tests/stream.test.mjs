// The stream and the session: live, lost and back; signed out and in.
import { test } from "node:test";
import { withPages } from "./page.mjs";

const open = withPages();

test("a lost stream greys the page and says so, then it comes back and refetches", () =>
  open("ramping", async (page, { sees, trick, enabled }) => {
    await sees("All 7 healthy");
    await sees("Live");
    await trick("cut?seconds=3");
    await sees("The connection to Rampart is lost.");
    await page.waitForFunction(() => getComputedStyle(document.querySelector(".facts")).filter === "grayscale(1)");
    await enabled("Roll back to 0\u00a0%");
    const refetched = page.waitForRequest((request) => request.url().endsWith("/api/v1/rollouts"));
    await page.getByText("The connection to Rampart is lost.").waitFor({ state: "detached" });
    await refetched;
    await sees("Live");
  }));

test("what happens elsewhere shows by itself", () =>
  open("ramping", async (page, { sees, trick }) => {
    await sees("All 7 healthy");
    await sees("Live");
    await trick("spoil");
    await sees("a 5xx on GET /v1/parts/low-stock, none allowed");
    await sees("Rolled back to 0");
  }));

test("without a session the token is asked for; a wrong one is refused in place", () =>
  open("signed_out", async (page, { button, sees }) => {
    await page.getByLabel("Token").fill("wrong");
    await button("Sign in").click();
    await sees("This token is not known");
    await page.getByLabel("Token").fill("let-me-in");
    await button("Sign in").click();
    await sees("All 7 healthy");
  }));

test("a session that ends while one looks brings the sign-in form", () =>
  open("ramping", async (page, { sees, trick }) => {
    await sees("All 7 healthy");
    await sees("Live");
    await trick("expire");
    await page.getByLabel("Token").waitFor();
  }));

test("a whole rollout runs through to its end without a reload", () =>
  open("script", async (page, { sees, button, dialog, inDialog }) => {
    await sees("Ramping");
    await page.getByText("Advanced to 20").waitFor({ timeout: 15_000 });
    await button("Set stage").click();
    await dialog.getByText("100\u00a0%").click();
    await dialog.getByRole("textbox").fill("to see the end");
    await inDialog("Set the stage").click();
    await sees("Stage set to 100");
    await sees("Done");
  }));

// The page on the real daemon, which has just rolled a real rollout back: what is said there is what is seen here.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { LAUNCH } from "../browser.mjs";

const PROGRAM = process.env.RAMPART ?? fileURLToPath(new URL("../../../../target/debug/rampart", import.meta.url));
const DEMO = ["demo", "--break", "rls", "--at", "5", "--hour", "4", "--keep", "--listen", "127.0.0.1:0"];

let daemon, browser, base, token;

before(async () => {
  daemon = spawn(PROGRAM, DEMO, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const line of createInterface(daemon.stdout)) {
    said += `${line}\n`;
    base ??= /^page +(\S+)/.exec(line)?.[1];
    token ??= /^token +(\S+)/.exec(line)?.[1];
    if (line.startsWith("still serving")) break;
  }
  assert.match(said, /this is the expected end/, said);
  browser = await chromium.launch(LAUNCH);
});

after(async () => {
  await browser?.close();
  if (daemon && daemon.exitCode === null) {
    daemon.kill("SIGINT");
    await once(daemon, "exit");
  }
});

async function open(story, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`exception: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && !/401/.test(message.text()) && wrong.push(message.text()));
  page.on("request", (request) => !request.url().startsWith(base) && wrong.push(`foreign request: ${request.url()}`));
  try {
    await page.goto(base);
    await page.getByRole("textbox").or(page.locator("input[type=password]")).first().fill(token);
    await page.keyboard.press("Enter");
    await story(page, (text) => page.getByText(text).filter({ visible: true }).first().waitFor());
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

test("a newcomer reads from the page alone what broke it, and when", () =>
  open(async (page, sees) => {
    await sees(/^Rolled back to 0 % on .* · rls bypasses: /);
    await sees("1 of 7 in breach");
    await page.getByRole("link", { name: "Report", exact: true }).click();
    await sees("Rollback of part_lens_v2");
    await sees(/rule breach: A check that breaks its rollback limit/);
    await sees(/nearest: it would have stayed at 5 %, had rls bypasses read no more than 0/);
    await sees(/Nobody was served any more within \d+ ms\. It was written down within \d+ ms\./);
    const steps = await page.locator("article table").first().locator("tr").allInnerTexts();
    assert.match(steps.at(-1), /Rolled back to 0\s%/, "what led to it comes before it");
    assert.match(steps.at(-1), /\d\d:\d\d:\d\d\.\d{3}/);
  }));

test("the fleet names this replica and its viewers, and the journal can be saved", () =>
  open(async (page, sees) => {
    await page.getByText("Fleet", { exact: true }).click();
    await sees("answers here");
    await sees(/^release_owner#/);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
    assert.match(saved.suggestedFilename(), /csv$/);
  }));

test("a user is explained as the flag is served to them", () =>
  open(async (page, sees) => {
    await page.getByText("Explain a user").click();
    await page.getByLabel("User id, or what the policy buckets by").fill("crew-17");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await sees(/^Bucket \d+ of 100, the same at every visit.$/);
    await sees("The flag stands at 0\u00a0%.");
  }));

test("restarted from a phone it is rolled back again, and a second viewer sees it without a reload", () =>
  open(async (page, sees) => {
    const other = await page.context().newPage();
    await other.goto(base);
    await other.getByText(/Rolled back to 0 %/).filter({ visible: true }).first().waitFor();
    await page.getByRole("button", { name: "Restart", exact: true }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("to look at it again");
    await page.getByRole("dialog").getByRole("button", { name: "Restart", exact: true }).click();
    // Row level security is still off, so it is rolled back again by itself; the other page follows without a reload.
    await other.getByText(/Attempt 2/).filter({ visible: true }).first().waitFor();
    await sees(/Attempt 2/);
  }, { viewport: { width: 390, height: 844 } }));

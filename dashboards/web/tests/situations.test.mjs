// Each situation tells in words where it stands, whether it is healthy, what comes next, what can be done.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withPages } from "./page.mjs";

const open = withPages();

test("a healthy ramp shows percent, soak, the next stage and every check", () =>
  open("ramping", async (page, { sees, enabled, disabledBecause }) => {
    await sees("All 7 healthy");
    await sees(/1 h 12 min of 2 h/);
    await sees(/Why not yet/);
    await sees("Latency, 95th percentile");
    await sees(/ms below the limit/);
    assert.match(await page.title(), /^20\u00a0% ramping · part_lens_v2/);
    for (const name of ["Pause", "Advance", "Set stage", "Extend", "Roll back to 0\u00a0%"]) await enabled(name);
    await disabledBecause("Start", /already running/);
    await disabledBecause("Resume", /not paused/);
  }));

test("everything but the tail of the journal fits on 1440 by 900", () =>
  open("ramping", async (page, { sees }) => {
    await sees("All 7 healthy");
    await sees("Advanced to 20");
    const bottom = await page.locator("#actions").evaluate((node) => node.getBoundingClientRect().bottom);
    const journal = await page.getByRole("heading", { name: "Journal" }).evaluate((node) => node.getBoundingClientRect().bottom);
    assert.ok(bottom <= 900 && journal <= 900, `actions end at ${bottom}, journal begins at ${journal}`);
  }));

test("nothing runs over the side, from a small phone to a wide screen", () =>
  open("degraded", async (page, { sees }) => {
    await sees("1 of 7 degraded");
    for (const width of [360, 390, 600, 720, 768, 1024, 1081, 1280, 1440, 2560]) {
      await page.setViewportSize({ width, height: 844 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `at ${width} the page is ${wide} px wide`);
    }
  }));

test("before the start the missing gate items are listed and start says why not", () =>
  open("gate", async (page, { sees, disabledBecause }) => {
    await sees("Approval gate: 2 of 3 required not proven");
    await sees("Acceptance, twelve checks");
    await disabledBecause("Start", /gate is not met/);
    await sees("Nobody is exposed");
  }));

test("the gate says of every item what proves it, or why nothing does, and opens its artifacts", () =>
  open("evidence", async (page, { sees, disabledBecause }) => {
    await sees("Approval gate: 2 of 3 required not proven");
    const row = (name) => page.locator(".gate > li").filter({ hasText: name });
    for (const [name, word, why] of [
      ["Acceptance, twelve checks", "proven", /required, 2\sh 10\smin ago for this build/],
      ["SQL evidence", "altered", /rls_policies.json in the database does not match/],
      ["Suggestions for the three roles", "too old", /8 d 3 h ago, counts for 7 d/],
      ["Stress test", "failed", /newest run failed/],
      ["Storage refuses other yachts", "other build", /evidence of build 0.9.3/],
      ["Handlers at all status codes", "never run", /recommended/],
    ]) {
      await row(name).getByText(word, { exact: true }).waitFor();
      assert.match(await row(name).innerText(), why);
    }
    await row("Acceptance").getByText("3 artifacts").click();
    const [opened] = await Promise.all([page.waitForEvent("popup"), page.getByRole("link", { name: "canonical_parity.json" }).click()]);
    await opened.waitForLoadState();
    assert.match(await opened.locator("body").innerText(), /canonical_parity.json/);
    await opened.close();
    await disabledBecause("Start", /gate is not met/);
  }));

test("a degraded check says what holds the soak and by how much", () =>
  open("degraded", async (page, { sees }) => {
    await sees("1 of 7 degraded");
    await sees(/p95 latency must be below 500 ms/);
    await sees(/ms above, .* to rollback/);
    await sees("no time can be given yet");
  }));

test("a blind check is told apart from a bad one", () =>
  open("blind", async (page, { sees }) => {
    await sees("2 of 7 blind");
    await sees("Prometheus has not answered for 15 min: connection refused");
    await sees("nothing measured");
  }));

test("a paused rollout offers to resume", () =>
  open("paused", async (page, { sees, enabled, disabledBecause }) => {
    await sees("after somebody resumes it");
    await enabled("Resume");
    await disabledBecause("Pause", /paused already/);
  }));

test("a rollback shows its cause and leads to the rows that prove it", () =>
  open("rolled_back", async (page, { sees, enabled }) => {
    await sees("1 of 7 in breach");
    await sees("3 audit rows without signature, none allowed");
    await enabled("Restart");
    await page.getByRole("link", { name: "See the evidence" }).click();
    await sees("Impeller 3-blade");
    assert.equal(await page.getByRole("cell", { name: "NULL" }).count(), 3);
    assert.match(page.url(), /#seq-3$/);
  }));

test("a rollback has a report of its own, with the reason in the core's words, that fits on a printed page", () =>
  open("rolled_back", async (page, { sees }) => {
    await sees("1 of 7 in breach");
    await page.getByRole("link", { name: "Report", exact: true }).click();
    await sees("Rollback of part_lens_v2");
    await sees(/rule breach: A check that breaks its rollback limit/);
    await sees(/Nobody was served any more within 1 ms\. It was written down within \d+ ms\./);
    assert.equal(await page.locator("table").nth(1).getByText("Breach", { exact: true }).count(), 1);
    await page.emulateMedia({ media: "print" });
    // A4 at 96 dots an inch, less margins of 1 cm.
    await page.setViewportSize({ width: 718, height: 1047 });
    const height = await page.locator("article").evaluate((node) => node.scrollHeight);
    assert.ok(height <= 1047, `${height} px`);
    await page.emulateMedia({ media: "screen" });
    await page.getByRole("link", { name: "Back to the page" }).click();
    await sees("Audit rows without signature");
  }));

test("an entry says why it was decided so", () =>
  open("rolled_back", async (page, { sees }) => {
    await sees("Zinc anode");
    await page.getByText("Why was it decided so?").first().click();
    await sees(/nearest: it would have stayed at 20/);
  }, { hash: "#seq-3" }));

test("whoever started cannot approve where the policy asks for two, and a closed window says when it opens", () =>
  open("two_person", async (page, { sees, disabledBecause }) => {
    await sees(/No stage is entered now \(freeze\); the window opens/);
    await disabledBecause("Approve", /You started this rollout/);
  }, { role: "release_owner" }));

test("the fleet says who leads, who is silent, and how fast a change arrived", () =>
  open("ramping", async (page, { sees }) => {
    await page.getByText("Fleet", { exact: true }).click();
    await sees(/reached\s+1 watching page within/);
    await sees("answers here");
    await sees(/2\smin 20\ss ago/);
    await sees("31 ms");
  }));

test("the journal is saved as it is filtered", () =>
  open("ramping", async (page, { sees }) => {
    await sees("Started at 5");
    await page.getByLabel("Kind of entry").selectOption("advanced");
    const link = page.getByRole("link", { name: "CSV" });
    assert.match(await link.getAttribute("href"), /part_lens_v2\/journal\/export\?format=csv&kind=advanced$/);
  }));

test("a notification that reached nobody is a banner", () =>
  open("dead_letters", async (page, { sees }) => {
    await sees("A notification reached nobody:");
    await sees(/to ops/);
    await page.getByRole("button", { name: "Send again" }).click();
    await page.getByText("A notification reached nobody:").waitFor({ state: "detached" });
  }));

test("a test of the way to each target says how it went", () =>
  open("ramping", async (page, { sees }) => {
    await page.getByText("Fleet", { exact: true }).click();
    await sees(/webhook, hooks\.example/);
    await page.getByRole("button", { name: "Send a test" }).click();
    await sees("test: it was taken");
  }));

test("a link to an entry unfolds it", () =>
  open("rolled_back", async (page, { sees }) => {
    await sees("Zinc anode");
  }, { hash: "#seq-3" }));

test("a completed rollout expects nothing more", () =>
  open("completed", async (page, { sees }) => {
    await sees("Nothing more");
    assert.match(await page.title(), /^100\u00a0% completed/);
  }));

test("a mistake in the policy file and an offered revision are banners", () =>
  open("policy_error", async (page, { sees, nextStatus }) => {
    await sees("The policy file has a mistake.");
    await page.getByText("Show it at its line").click();
    await sees(/did you mean "soak"/);
    // Whatever the stream brings next must leave it open.
    await nextStatus();
    await sees(/did you mean "soak"/);
    await sees("The policy file has changed.");
  }));

test("a replica without lease and with the brake on says so", () =>
  open("unled", async (page, { sees }) => {
    await sees("Nobody leads this rollout at the moment.");
    await sees("The brake is on.");
  }));

test("a check unfolds to its chart", () =>
  open("degraded", async (page, { button }) => {
    await button("Latency, 95th percentile").click();
    await page.locator(".uplot canvas").waitFor();
    await button("Whole rollout").click();
    await page.locator(".uplot canvas").waitFor();
  }));

test("a compared check shows control, what is allowed above it, and the odds", () =>
  open("ramping", async (page, { button, sees }) => {
    await button("Error rate").click();
    await page.locator(".uplot canvas").waitFor();
    await sees("control, shaded what is allowed above it");
    await sees(/It may fail 1.1 times as often; the odds are 11 to 1 that it fails more often than that/);
  }));

test("the journal can be filtered by kind", () =>
  open("ramping", async (page, { sees }) => {
    await sees("Started at 5");
    await page.getByLabel("Kind of entry").selectOption("advanced");
    await page.getByText("Started at 5").waitFor({ state: "detached" });
    await sees("Advanced to 20");
  }));

test("a journal that is filtered still leads to the evidence, and charts keep their marks", () =>
  open("rolled_back", async (page, { sees }) => {
    await sees("1 of 7 in breach");
    await page.getByLabel("Kind of entry").selectOption("paused");
    await page.getByText("Started at 5").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "See the evidence" }).click();
    await sees("Impeller 3-blade");
    assert.ok((await page.locator(".spark line").count()) > 0);
  }));

test("a server that does not say whether notifications arrive is not taken for one without trouble", () =>
  open("ramping", async (page, { sees }) => {
    await page.route("**/api/v1/notifications", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: "{}" }));
    await page.reload();
    await sees("Whether notifications arrive is not known.");
  }));

test("all rollouts and all attempts are a list that leads to each", () =>
  open("two_flags", async (page, { sees }) => {
    await page.getByRole("link", { name: "All rollouts" }).click();
    await page.getByRole("link", { name: "part_lens_v2", exact: true }).click();
    await sees("All 7 healthy");
    assert.match(page.url(), /flag=part_lens_v2/);
    await page.getByRole("link", { name: "All rollouts" }).click();
    await sees(/Attempt 1/);
    await page.getByRole("link", { name: "crew_roster_v3", exact: true }).click();
    await page.getByText("Waiting to start", { exact: true }).waitFor();
    assert.match(page.url(), /flag=crew_roster_v3/);
  }));

test("with several flags one can switch", () =>
  open("two_flags", async (page) => {
    await page.getByLabel("Flag", { exact: true }).selectOption("crew_roster_v3");
    await page.getByText("Waiting to start", { exact: true }).waitFor();
    assert.match(page.url(), /flag=crew_roster_v3/);
  }));

test("times carry UTC in their title", () =>
  open("ramping", async (page, { sees }) => {
    await sees("All 7 healthy");
    assert.match(await page.locator("time").first().getAttribute("title"), /UTC$/);
  }));

test("the page weighs less over the wire than a photo", async () => {
  const { gzipSync } = await import("node:zlib");
  const { readFile } = await import("node:fs/promises");
  const files = ["index.html", "app.js", "app.css", "favicon.svg"].map((name) => readFile(new URL(`../dist/${name}`, import.meta.url)));
  const weight = (await Promise.all(files)).reduce((sum, file) => sum + gzipSync(file).length, 0);
  assert.ok(weight <= 150_000, `${weight} bytes`);
  console.log(`the page weighs ${weight} bytes over the wire`);
});

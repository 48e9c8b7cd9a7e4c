// What every browser test shares: one mock, one browser, and pages that watch for what must never happen.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { startMock } from "../dev/mock.mjs";
import { LAUNCH } from "./browser.mjs";

const WAIT_MS = 20_000;
// The browser itself notes every refused or broken request; the page is meant to get those in these tests.
const EXPECTED = /Failed to load resource|ERR_EMPTY_RESPONSE|ERR_CONNECTION/;

/** To be called once per test file; gives `open`. */
export function withPages() {
  let mock, browser, count = 0;
  before(async () => {
    mock = await startMock();
    browser = await chromium.launch(LAUNCH);
  });
  after(async () => {
    await browser?.close();
    await mock?.stop();
  });

  /** Opens the page in a world of its own, runs `story`, and fails on console errors, CSP breaks or foreign requests. */
  return async function open(situation, story, { role = "operator", hash = "", ...options } = {}) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
    const wrong = await watched(page, mock.url);
    try {
      await page.goto(`${mock.url}?situation=${situation}&role=${role}&world=test-${(count += 1)}${hash}`);
      await story(page, tools(page));
      assert.deepEqual(wrong, []);
    } finally {
      await page.close();
    }
  };
}

/** Notes what must never happen on a page: an exception, a word of the browser's, a break of the policy, a foreign request. */
export async function watched(page, origin) {
  page.setDefaultTimeout(WAIT_MS);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !EXPECTED.test(message.text())) wrong.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) wrong.push(`foreign request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return wrong;
}

export function tools(page) {
  const button = (name) => page.getByRole("button", { name, exact: true });
  const dialog = page.getByRole("dialog");
  return {
    button,
    dialog,
    inDialog: (name) => dialog.getByRole("button", { name, exact: true }),
    sees: (text) => page.getByText(text).filter({ visible: true }).first().waitFor(),
    trick: (what) => page.evaluate((path) => fetch(path).then((answer) => answer.ok), `/mock/${what}`),
    // The page listens to the same events: of several, it has taken in all but perhaps the last.
    nextStatus: () => page.evaluate(() => new Promise((done) => {
      const source = new EventSource("/api/v1/events");
      let heard = 0;
      source.addEventListener("status", () => (heard += 1) === 4 && done(source.close()));
    })),
    async disabledBecause(name, why) {
      const found = button(name);
      assert.equal(await found.getAttribute("aria-disabled"), "true", `${name} should be disabled`);
      const id = await found.getAttribute("aria-describedby");
      assert.match(await page.locator(`[id="${id}"]`).textContent(), why);
    },
    async enabled(name) {
      assert.notEqual(await button(name).getAttribute("aria-disabled"), "true", `${name} should be enabled`);
    },
  };
}

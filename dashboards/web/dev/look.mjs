// Takes pictures of the built page in every situation, to be looked at: node dev/look.mjs [folder] [situation or scene…]
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { SITUATIONS } from "./mock/situations.mjs";
import { startMock } from "./mock.mjs";
import { LAUNCH } from "../tests/browser.mjs";

const [folder = "dev/shots", ...only] = process.argv.slice(2);
const SIZES = { light: [1440, 900, "light"], dark: [1440, 900, "dark"], phone: [390, 844, "light"] };
const ALL = Object.keys(SITUATIONS);

const button = (page, name) => page.getByRole("button", { name, exact: true });

/** What is seen only after a click. */
const SCENES = {
  async dialog(page, go) {
    await go("situation=ramping");
    await button(page, "Set stage").click();
    await page.getByText("50 %").last().click();
    await page.getByRole("textbox").fill("refuse: the crew asked for it");
    await button(page, "Set the stage").click();
  },
  async rollback(page, go) {
    await go("situation=ramping");
    await button(page, "Roll back to 0 %").click();
  },
  async override(page, go) {
    await go("situation=gate&role=release_owner");
    await button(page, "Start").click();
    await page.getByRole("checkbox").check();
  },
  async moved(page, go) {
    await go("situation=ramping");
    await button(page, "Pause").click();
    await page.evaluate(() => fetch("/mock/quiet").then(() => fetch("/mock/move")));
    await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  },
  async problem(page, go) {
    await go("situation=ramping");
    await button(page, "Report a problem").click();
  },
  async chart(page, go) {
    await go("situation=degraded");
    await button(page, "Latency, 95th percentile").click();
    await page.mouse.wheel(0, 200);
  },
  async evidence(page, go) {
    await go("situation=rolled_back");
    await page.getByRole("link", { name: "See the evidence" }).click();
  },
  async lost(page, go) {
    await go("situation=ramping");
    await page.getByText("Live").waitFor();
    await page.evaluate(() => fetch("/mock/cut?seconds=30"));
    await page.getByText("connection to Rampart is lost").waitFor();
  },
  async why(page, go) {
    await go("situation=ramping&role=viewer");
    await button(page, "Advance").click({ force: true });
  },
  async flags(page, go) {
    await go("situation=two_flags");
  },
};

await mkdir(folder, { recursive: true });
const mock = await startMock();
const browser = await chromium.launch(LAUNCH);
for (const situation of only.length > 0 ? only.filter((one) => one in SITUATIONS) : ALL) {
  for (const [name, [width, height, colorScheme]] of Object.entries(SIZES)) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    page.on("console", (message) => message.type() === "error" && console.log(situation, name, message.text()));
    await page.goto(`${mock.url}?situation=${situation}&world=${name}`);
    await page.waitForTimeout(1_300);
    await page.screenshot({ path: `${folder}/${situation}-${name}.png`, fullPage: name === "phone" });
    await page.close();
  }
}
for (const [scene, play] of Object.entries(SCENES)) {
  if (only.length > 0 && !only.includes(scene)) continue;
  for (const [name, [width, height, colorScheme]] of Object.entries(SIZES)) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    const go = (query) => page.goto(`${mock.url}?world=${scene}-${name}&${query}`);
    await play(page, go);
    await page.waitForTimeout(700);
    await page.screenshot({ path: `${folder}/scene-${scene}-${name}.png` });
    await page.close();
  }
}
await browser.close();
await mock.stop();

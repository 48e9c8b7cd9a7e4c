// What axe finds on a page: whatever keeps somebody out by WCAG A and AA.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export async function violations(page) {
  // What is still being fetched has not been looked at.
  await page.waitForLoadState("networkidle").catch(() => undefined);
  // A movement that is half over has half its colours.
  await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => undefined))));
  // Through the debugger: the page's own policy lets no foreign script in.
  await page.evaluate(AXE);
  const found = await page.evaluate((runOnly) => axe.run(document, { runOnly }), RULES);
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

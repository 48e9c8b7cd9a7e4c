// WCAG AA by axe, in every situation, in light and dark, on a screen and on a phone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SITUATIONS } from "../dev/mock/situations.mjs";
import { violations } from "./axe.mjs";
import { withPages } from "./page.mjs";

const open = withPages();
const LOOKS = [
  { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { colorScheme: "dark", viewport: { width: 390, height: 844 } },
];
// A movement that is half over has half its colours.
const STILL = { reducedMotion: "reduce" };

for (const situation of Object.keys(SITUATIONS)) {
  test(`${situation} has nothing that keeps anybody out`, async () => {
    for (const look of LOOKS) {
      await open(situation, async (page) => {
        await page.locator("main, form").first().waitFor();
        assert.deepEqual(await violations(page), [], look.colorScheme);
      }, { ...look, ...STILL });
    }
  });
}

for (const [what, words] of Object.entries({ rollback: "r", "a choice of stage": "s", "the sheet of keys": "?", "a report": "w" })) {
  test(`the dialog of ${what} keeps nobody out`, () =>
    open("ramping", async (page, { sees, dialog }) => {
      await sees("All 7 healthy");
      await page.keyboard.press(words);
      await dialog.waitFor();
      assert.deepEqual(await violations(page), []);
    }, STILL));
}

// A long answer at the page in a real Chromium: PORT of a gateway with a model, its token on standard input. Each line
// that this prints is what the model waits for; what a page must not do ends the run with 1.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { browse, faults, open, picture, signIn } from "./browser.mjs";
import { port } from "./official.mjs";

const token = (await text(process.stdin)).trim();

async function stream(page) {
  await page.goto("/");
  await signIn(page, token);
  await page.getByText("Connected", { exact: true }).waitFor();
  const live = page.locator(".live .text");
  const stop = page.getByRole("button", { name: "Stop the answer (Esc)" });
  assert.equal(await stop.isVisible(), false);

  await page.getByLabel("Message").fill("tell me a story");
  await page.keyboard.press("Enter");
  await live.getByText("Thinking").waitFor();
  console.log("thinks");
  await live.getByText("Once", { exact: true }).waitFor();
  console.log("begins");
  await live.getByText("Once upon a time", { exact: true }).waitFor();
  await picture(page, "grows");
  await stop.click();
  const stopped = page.locator(".message", { hasText: "Once upon a time" });
  await stopped.getByText("Stopped").waitFor();
  await stop.waitFor({ state: "hidden" });
  await page.reload();
  await stopped.waitFor();
  assert.equal(await page.locator(".live").count(), 0);
  console.log("stopped");

  // Whoever looks in the middle sees what was said before, and hears the rest.
  await page.getByLabel("Message").fill("and then?");
  await page.keyboard.press("Enter");
  console.log("thinks again");
  await live.getByText("It ended", { exact: true }).waitFor();
  await page.reload();
  await live.getByText("It ended", { exact: true }).waitFor();
  await stop.waitFor();
  console.log("looks anew");
  await page.locator(".message:not(.live)", { hasText: "It ended well." }).waitFor();
  await stop.waitFor({ state: "hidden" });
  await stopped.waitFor();
  console.log("whole");
}

await browse("stream", async (browser) => {
  const walk = await open(browser, `http://127.0.0.1:${port()}`, { canaries: [token] });
  await stream(walk.page);
  assert.deepEqual(await faults(walk), []);
});

// The page of a rescue gateway in a real Chromium: PORT, its token on standard input. Prints a line for each thing that the
// page has shown; what a page must not do ends the run with 1.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { browse, faults, obstacles, open, picture, signIn } from "./browser.mjs";
import { port } from "./official.mjs";

const token = (await text(process.stdin)).trim();

async function turn(page) {
  await page.goto("/");
  await signIn(page, token);
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("navigation").getByRole("link", { name: "Fleet" }).click();
  await page.getByRole("heading", { level: 1, name: "Fleet" }).waitFor();
  const main = page.locator('[data-profile="main"]');
  const state = (word) => main.locator(".head").getByText(word, { exact: true }).waitFor();
  const press = (name) => main.getByRole("button", { name, exact: true }).click();
  const fact = (name) => main.locator("dt", { hasText: name }).locator("+ dd");
  const pid = () => fact("Pid").textContent();

  await state("ready");
  assert.match(await fact("Memory").textContent(), /^[\d.]+ [KM]iB$/);
  assert.match(await fact("Latency").textContent(), /^\d+ ms$/);
  await page.getByText("The gateway that shows this page.").waitFor();
  await page.locator(".conflict", { hasText: "`left`" }).getByText("port_block_overlap").waitFor();
  await picture(page, "rescue-fleet");
  assert.deepEqual(await obstacles(page), []);
  const before = await pid();
  console.log("shown");

  await press("Stop main");
  await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
  await state("stopped");
  await main.getByRole("button", { name: "Start main", exact: true }).waitFor();
  console.log("stopped");
  await press("Start main");
  await state("ready");
  const between = await pid();
  assert.notEqual(between, before);
  console.log("started");
  await press("Restart main");
  await fact("Pid").filter({ hasNotText: between }).waitFor();
  await state("ready");
  console.log("restarted");

  // What is refused is told where it is looked for, and why.
  const left = page.locator('[data-profile="left"]');
  await left.getByRole("button", { name: "Start left", exact: true }).click();
  await left.locator(".head").getByText("failed", { exact: true }).waitFor();
  await left.getByText(/not started: the ports .* overlap; give/).waitFor();
  await picture(page, "rescue-refused");
  console.log("refused");
}

await browse("rescue", async (browser) => {
  const walk = await open(browser, `http://127.0.0.1:${port()}`, { canaries: [token] });
  await turn(walk.page);
  assert.deepEqual(await faults(walk), []);
});

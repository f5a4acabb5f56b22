// The page of a gateway elsewhere in a real Chromium, by its near end: PORT, the token on standard input. After `answered`
// the gateway is told to ask about every device, and after `waits` the second browser is let in.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { browse, faults, open, picture, signIn } from "./browser.mjs";
import { port } from "./official.mjs";

const origin = `http://127.0.0.1:${port()}`;
const token = (await text(process.stdin)).trim();

async function talks(page) {
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByLabel("Message").fill("/status");
  await page.keyboard.press("Enter");
  await page.locator(".message.from-agent", { hasText: "Gateway of profile far" }).waitFor();
}

/** The browser that is there when the gateway goes and comes again. */
async function near(walk) {
  await walk.page.goto("/");
  await signIn(walk.page, token);
  await talks(walk.page);
  console.log("answered");
}

async function stranger(walk) {
  const request = walk.page.getByText("openclaw devices approve ");
  await walk.page.goto("/");
  await signIn(walk.page, token);
  await request.waitFor();
  await picture(walk.page, "tunnel-pairing");
  console.log("waits");
  await talks(walk.page);
  console.log("let in");
}

await browse("tunnel", async (browser) => {
  const first = await open(browser, origin, { canaries: [token] });
  await near(first);
  // It goes with the gateway, and comes back by itself with what it was given.
  await first.page.getByText("stopping or restarting").waitFor();
  await first.page.getByText("Connected", { exact: true }).waitFor();
  const second = await open(browser, origin, { canaries: [token] });
  await stranger(second);
  for (const walk of [first, second]) assert.deepEqual(await faults(walk), []);
});

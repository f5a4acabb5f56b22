// Walks through the gateway's page in a real Chromium: PORT of a running gateway, that of one that asks about every
// device, their token on standard input. Each step prints its name; what a page must not do ends the run with 1.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { browse, faults, obstacles, open, picture, scripted, signIn } from "./browser.mjs";
import { port } from "./official.mjs";
import { join } from "./node.mjs";
import { call } from "./owner.mjs";
import { WAITING, fleet, script } from "./page-script.mjs";

const origin = `http://127.0.0.1:${port()}`;
const strict = Number(process.argv[3]);
const token = (await text(process.stdin)).trim();
const wrong = "not-the-token-that-it-wants";
const canaries = [token, wrong];

const view = async (page, name) => {
  await page.getByRole("navigation").getByRole("link", { name }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
};
const is = async (page, name, options) => {
  await picture(page, name);
  assert.deepEqual(await obstacles(page, options), [], name);
};

/** The page with nothing between it and its gateway. */
async function alone(browser) {
  const walk = await open(browser, origin, { canaries });
  const { page, context } = walk;
  await page.goto(`/#token=${token}`);
  await page.getByText("A token in the address is not used").waitFor();
  assert.equal(page.url(), `${origin}/`);
  await is(page, "sign-in");
  await signIn(page, wrong);
  await page.getByRole("alert").filter({ hasText: "gateway.auth.token" }).waitFor();
  await is(page, "sign-in-wrong");
  await signIn(page, token);
  await page.getByText("Connected", { exact: true }).waitFor();
  await commands(page);
  await lent(page);
  await view(page, "Devices");
  await page.locator(".card", { hasText: "this browser" }).getByText("Chrome on Linux").waitFor();
  await view(page, "Log");
  await page.locator(".log-lines li", { hasText: "connected" }).first().waitFor();
  await page.getByLabel("Filter the lines").fill("no line has this");
  assert.equal(await page.locator(".log-lines li:visible").count(), 0);
  await page.getByLabel("Filter the lines").fill("");
  await is(page, "log");

  // A key that nobody can read, and a tab that remembers its sign-in while another one does not.
  const key = await page.evaluate(() => new Promise((done) => {
    const opening = indexedDB.open("openclaw");
    opening.onsuccess = () => (opening.result.transaction("keys").objectStore("keys").get("device").onsuccess = ({ target }) => done([target.result.privateKey.extractable, target.result.privateKey.algorithm.name]));
  }));
  assert.deepEqual(key, [false, "Ed25519"]);
  await page.reload();
  await page.getByText("Connected", { exact: true }).waitFor();
  const second = await context.newPage();
  await second.goto("/");
  await second.getByLabel("Token").waitFor();
  await second.close();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  await page.getByLabel("Stay signed in").check();
  await signIn(page, token);
  await page.getByText("Connected", { exact: true }).waitFor();
  const third = await context.newPage();
  await third.goto("/");
  await third.getByText("Connected", { exact: true }).waitFor();
  return walk;
}

/** What the gateway's own agent answers, and that a second reader of the session sees it. */
async function commands(page) {
  await page.getByText("Nothing has been said").waitFor();
  await page.getByLabel("Message").fill("/help");
  await page.keyboard.press("Enter");
  await page.locator(".message.from-agent").getByText("/status").first().waitFor();
  await page.locator(".message.from-me", { hasText: "/help" }).waitFor();
  await is(page, "commands");
  await page.getByRole("button", { name: "New session" }).click();
  await page.getByText("Nothing has been said").waitFor();
  const place = page.url();
  assert.match(place, /#chat\/agent/);
  await call(port(), token, "chat.send", { sessionKey: decodeURIComponent(place.split("#chat/")[1]), message: "/status", idempotencyKey: "from-elsewhere" });
  await page.locator(".message.from-me", { hasText: "/status" }).waitFor();
  await page.locator(".message.from-agent").first().waitFor();
  await page.goBack();
  await page.locator(".message.from-me", { hasText: "/help" }).waitFor();
}

/** A node asks while the page looks, is approved there, and runs a command for it. */
async function lent(page) {
  await view(page, "Nodes");
  await page.getByText("No node has joined.").waitFor();
  const node = join(port(), token, "bench", { "system.which": ({ bins }) => ({ paths: { [bins[0]]: "/opt/found" } }) });
  await page.getByRole("button", { name: "Approve bench" }).click();
  const card = page.locator(".card", { hasText: "bench" });
  await card.getByText("Run a command").click();
  await card.getByLabel("Parameters").fill('{"bins":["git"]}');
  await card.getByRole("button", { name: "Run" }).click();
  await card.getByText("/opt/found").waitFor();
  await is(page, "node");
  await allowed(page);
  await view(page, "Nodes");
  node.close();
  await card.getByText("not connected").waitFor();
}

/** Somebody asks for a command on the node while the page looks elsewhere, and it is allowed without a pointer. */
async function allowed(page) {
  const [{ nodeId }] = (await call(port(), token, "node.list")).nodes;
  const systemRunPlan = { argv: ["/bin/echo", "<b>hi</b>"], cwd: null, commandText: "harmless", agentId: null, sessionKey: null };
  const decided = call(port(), token, "exec.approval.request", { host: "node", nodeId, systemRunPlan });
  await page.getByText("A command waits for approval: /bin/echo <b>hi</b>").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("button", { name: "Allow once: /bin/echo <b>hi</b>" }).press("Enter");
  assert.equal((await decided).decision, "allow-once");
  await page.getByText("Nothing waits for a decision.").waitFor();
}

/** A browser that nobody knows waits for its approval, comes in by itself, and is out when that is taken back. */
async function approved(browser) {
  const walk = await open(browser, `http://127.0.0.1:${strict}`, { canaries });
  const { page } = walk;
  await page.goto("/");
  await signIn(page, token);
  const request = (await page.getByText("openclaw devices approve ").textContent()).split(" ").at(-1);
  await is(page, "pairing");
  await call(strict, token, "device.pair.approve", { requestId: request });
  await page.getByText("Connected", { exact: true }).waitFor();
  // From here on the device speaks for itself: the shared secret is kept nowhere.
  assert.ok(!(await page.evaluate(() => JSON.stringify(sessionStorage))).includes(token));
  await page.reload();
  await page.getByText("Connected", { exact: true }).waitFor();
  await view(page, "Devices");
  const own = page.locator(".card", { hasText: "this browser" });
  await own.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("My desk");
  await page.keyboard.press("Enter");
  await page.locator(".card", { hasText: "this browser" }).getByText("My desk").waitFor();
  const { paired } = await call(strict, token, "device.pair.list");
  await call(strict, token, "device.token.revoke", { deviceId: paired[0].deviceId, role: "operator" });
  await page.getByRole("heading", { name: "Please sign in again." }).waitFor();
  await is(page, "withdrawn");
  return walk;
}

/** The page before a script that has everything: a conversation, nodes, devices, a fleet. */
async function everything(browser) {
  let ends;
  const walk = await open(browser, origin, { canaries, script: async (page) => (ends = await scripted(page, script(), ["chat", "fleet.changed"])) });
  const { page } = walk;
  await page.goto("/");
  await signIn(page, token);
  await conversation(page, ends);
  await approvals(page, ends);
  await decisions(page, ends);
  await rescue(page, ends);
  await breaks(page, ends);
  return walk;
}

async function conversation(page, ends) {
  await page.getByText("what I found").waitFor();
  const evil = page.locator(".message").filter({ hasText: "what I found" });
  assert.deepEqual(await evil.locator("img,script,iframe").count(), 0);
  assert.deepEqual(await evil.locator("a").evaluateAll((links) => links.map(({ href, rel }) => [href, rel])), [["https://example.org/", "noreferrer noopener"]]);
  await is(page, "chat");
  await page.getByLabel("Message").fill("stream something");
  await page.keyboard.press("Enter");
  await page.locator(".live").getByText("Thinking").waitFor();
  const { idempotencyKey: runId, sessionKey } = ends.seen.findLast(({ method }) => method === "chat.send").params;
  const said = (seq, more) => ends.emit("chat", { runId, sessionKey: "agent:main:main", seq, ...more });
  for (const [seq, deltaText] of ["It **gr", "ows** by", " parts:\n\n```\na", " = 1\n```"].entries()) said(seq, { state: "delta", deltaText });
  await page.locator(".live pre", { hasText: "a = 1" }).waitFor();
  assert.equal(await page.locator(".live strong").textContent(), "grows");
  await is(page, "chat-streaming");
  // Esc stops it, and Shift with Enter is a new line.
  await page.keyboard.press("Escape");
  await poll(() => ends.seen.some(({ method, params }) => method === "chat.abort" && params.sessionKey === sessionKey));
  said(9, { state: "aborted", stopReason: "user" });
  await page.locator(".message", { hasText: "Stopped" }).waitFor();
  await page.getByLabel("Message").fill("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  assert.equal(await page.getByLabel("Message").inputValue(), "one\ntwo");
  await page.getByLabel("Message").fill("");
  await page.getByRole("button", { name: "New session" }).click();
  await page.getByText("Nothing has been said").waitFor();
  await page.getByRole("button", { name: "Rename this session" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Night watch");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Night watch" }).waitFor();
  await page.getByRole("button", { name: "Delete this session" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Main" }).waitFor();
}

async function approvals(page, ends) {
  await view(page, "Nodes");
  await page.getByRole("button", { name: "Approve studio" }).waitFor();
  await is(page, "nodes");
  await page.getByRole("button", { name: "Approve studio" }).click();
  await page.getByText("Waiting for approval").waitFor({ state: "hidden" });
  const card = page.locator(".card", { hasText: "laptop" });
  await card.getByText("Run a command").click();
  await card.getByLabel("Command").selectOption("system.which");
  await card.getByLabel("Parameters").fill('{"bins":["git"]}');
  await card.getByRole("button", { name: "Run" }).click();
  await card.getByText("/usr/bin/git").waitFor();
  await view(page, "Devices");
  await page.getByRole("button", { name: "Reject openclaw-control-ui" }).waitFor();
  await is(page, "devices");
  await page.getByRole("button", { name: "Revoke the operator token of Phone" }).click();
  // The safe answer has the focus.
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await poll(() => ends.seen.some(({ method }) => method === "device.token.revoke"));
}

/** What would be run is text and nothing else; what is not offered cannot be pressed. */
async function decisions(page, ends) {
  ends.emit("exec.approval.requested", { id: "x", request: { command: "uptime" } });
  await page.getByText("A command waits for approval: uptime").waitFor();
  await view(page, "Approvals");
  const evil = page.locator(".card", { hasText: "onerror" });
  await evil.getByRole("heading", { name: "On the node laptop" }).waitFor();
  assert.equal(await evil.locator("img,b,script,a").count(), 0);
  assert.equal(await evil.locator("pre").textContent(), WAITING[0].request.command);
  assert.deepEqual(await evil.getByRole("button").allTextContents(), ["Allow once", "Deny"]);
  await is(page, "approvals");
  await page.getByRole("button", { name: "Allow always: /usr/bin/uptime -p" }).click();
  await poll(() => ends.seen.some(({ method, params }) => method === "exec.approval.resolve" && params.decision === "allow-always"));
  await evil.getByRole("button", { name: "Deny" }).click();
  await page.getByText("Nothing waits for a decision.").waitFor();
}

async function rescue(page, ends) {
  await view(page, "Fleet");
  const work = page.locator('[data-profile="work"]');
  await work.getByText("backoff").waitFor();
  await page.getByText("EADDRINUSE").waitFor();
  await is(page, "fleet");
  await work.getByRole("button", { name: "Log of work" }).click();
  await page.getByRole("dialog").getByText("the last line").waitFor();
  await page.keyboard.press("Escape");
  await work.getByRole("button", { name: "Restart work" }).click();
  await poll(() => ends.seen.some(({ method, params }) => method === "fleet.restart" && params.name === "work"));
  fleet[1].state = "ready";
  ends.emit("fleet.changed", { profile: fleet[1] });
  await work.getByText("ready", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Stop default" }).click();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(!ends.seen.some(({ method }) => method === "fleet.stop"), "Enter took the safe answer");
}

/** What is missed is fetched anew; what is lost comes back. */
async function breaks(page, ends) {
  const asked = () => ends.seen.filter(({ method }) => method === "fleet.list").length;
  const before = asked();
  ends.emit("tick", { ts: 1 });
  ends.emit("tick", { ts: 2 }, 3);
  await poll(() => asked() > before);
  ends.drop(1012);
  await page.getByText("stopping or restarting").waitFor();
  await picture(page, "offline");
  const lost = asked();
  await poll(() => asked() > lost);
  await page.getByText("Connected", { exact: true }).waitFor();
}

/** From the first key to an answer with no pointer at all. */
async function byKeyboard(browser) {
  const walk = await open(browser, origin, { canaries, colorScheme: "dark", script: (page) => scripted(page, script()) });
  const { page } = walk;
  const held = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") || document.activeElement.textContent || document.activeElement.id);
  await page.goto("/");
  await page.getByLabel("Token").waitFor();
  await is(page, "dark-sign-in");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
  await page.getByText("what I found").waitFor();
  await is(page, "dark-chat");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Tab");
  assert.equal(await held(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard" }).waitFor();
  await is(page, "dark-keys");
  await page.keyboard.press("Escape");
  for (const [letter, name] of [["a", "Approvals"], ["f", "Fleet"], ["n", "Nodes"], ["d", "Devices"], ["l", "Log"], ["c", "Main"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await is(page, `dark-${name.toLowerCase()}`);
  }
  await page.keyboard.press("/");
  assert.equal(await held(), "Message");
  await page.keyboard.type("g f is no shortcut here?");
  assert.equal(await page.getByLabel("Message").inputValue(), "g f is no shortcut here?");
  return walk;
}

/** Everything on a phone of the smallest usual width. */
async function onPhone(browser) {
  const walk = await open(browser, origin, { canaries, viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, script: (page) => scripted(page, script()) });
  const { page } = walk;
  await page.goto("/");
  await page.getByLabel("Token").waitFor();
  await is(page, "phone-sign-in", { touch: true });
  await signIn(page, token);
  await page.getByText("what I found").waitFor();
  await is(page, "phone-chat", { touch: true });
  await page.getByRole("button", { name: "Sessions" }).tap();
  await page.getByRole("button", { name: "Deploy notes" }).waitFor();
  await is(page, "phone-sessions", { touch: true });
  await page.getByRole("button", { name: "Deploy notes" }).tap();
  await page.getByRole("heading", { name: "Deploy notes" }).waitFor();
  for (const name of ["Approvals", "Fleet", "Nodes", "Devices", "Log"]) {
    await view(page, name);
    await page.locator(name === "Log" ? ".log-lines li" : ".card").first().waitFor();
    await is(page, `phone-${name.toLowerCase()}`, { touch: true });
  }
  return walk;
}

async function poll(holds) {
  const until = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < until, `within ten seconds: ${holds}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

await browse("page", async (browser) => {
  for (const step of [alone, approved, everything, byKeyboard, onPhone]) {
    const walk = await step(browser);
    assert.deepEqual(await faults(walk), [], step.name);
    await walk.context.close();
    console.log(step.name);
  }
});

// The official client's browser entry inside a headless Chromium, through its life against a loopback gateway: PORT,
// its token on standard input. The gateway asks about every device; it is stopped when this says `stop`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { browse, open } from "./browser.mjs";
import { folder, port } from "./official.mjs";
import { call } from "./owner.mjs";

const token = (await text(process.stdin)).trim();
const SHELF = "/@npm/";

/** Serves the packages to the page as the modules that they are; names become addresses. */
async function shelve(page) {
  await page.route((url) => url.pathname.startsWith(SHELF), async (route) => {
    const path = new URL(route.request().url()).pathname.slice(SHELF.length);
    const body = await readFile(join(folder, "node_modules/@openclaw", path), "utf8");
    const named = body.replace(/(from\s*|import\s*)"@openclaw\/gateway-protocol(?:\/([\w-]+))?"/g, (_, word, part) => `${word}"${SHELF}gateway-protocol/dist/${part ?? "index"}.mjs"`);
    await route.fulfill({ body: named, contentType: "text/javascript" });
  });
}

/** Runs in the page: the client with an adapter, a key and a shelf for tokens of the page's own. */
async function begin({ shelf, token }) {
  const { GatewayProtocolClient, GatewayBrowserDeviceAuthLifecycle, shouldPauseGatewayReconnect } = await import(`${shelf}gateway-client/dist/browser.mjs`);
  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const deviceId = [...new Uint8Array(await crypto.subtle.digest("SHA-256", raw))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const sign = async (payload) => base64url(await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(payload)));
  const life = { hellos: [], events: [], closes: [], failures: [], gaps: [], kept: null, shared: token };
  const lifecycle = new GatewayBrowserDeviceAuthLifecycle({
    loadIdentity: async () => ({ deviceId, publicKey: base64url(raw), sign }),
    tokenStore: { load: () => life.kept, store: ({ token, scopes }) => void (life.kept = { token, scopes }), clear: () => void (life.kept = null) },
  });
  const client = { id: "webchat-ui", version: "1", platform: "web", mode: "webchat" };
  const scopes = ["operator.read", "operator.write"];
  life.client = new GatewayProtocolClient({
    createSocket: (told) => {
      const socket = new WebSocket(`ws://${location.host}/`);
      socket.onopen = () => told.open();
      socket.onmessage = ({ data }) => told.message(data);
      socket.onclose = ({ code, reason }) => told.close(code, reason);
      socket.onerror = () => told.error(new Error("the socket failed"));
      life.socket = socket;
      return { isOpen: () => socket.readyState === WebSocket.OPEN, send: (data) => socket.send(data), close: (code, reason) => socket.close(code, reason) };
    },
    createRequestId: () => crypto.randomUUID(),
    buildConnectPlan: ({ nonce, challengeTs }) => lifecycle.buildPlan({ client, role: "operator", defaultScopes: scopes, token: life.shared, nonce, challengeTs }),
    buildConnectParams: (plan) => ({ minProtocol: 4, maxProtocol: 4, client, role: plan.role, scopes: plan.scopes, auth: plan.auth, device: plan.device, caps: [] }),
    onConnectHello: (hello, { plan }) => lifecycle.acceptHello(hello, plan).then(() => life.hellos.push(hello)),
    onConnectFailure: (error) => {
      life.failures.push({ message: error.message, details: error.details });
      return { closeCode: 4008, closeReason: "connect failed", error, stop: shouldPauseGatewayReconnect({ details: error.details }) };
    },
    resolveClose: () => ({ retry: true, notify: true }),
    onClose: ({ code, reason }) => life.closes.push([code, reason]),
    onEvent: (event) => life.events.push(event),
    onGap: (gap) => life.gaps.push(gap),
    handshake: { mode: "require-challenge", timeoutMs: 10_000 },
    reconnect: { initialMs: 50, multiplier: 2, maxMs: 400 },
  });
  globalThis.life = life;
  life.client.start();
  return deviceId;
}

async function live(page) {
  const until = (holds, argument) => page.waitForFunction(holds, argument, { polling: 30 });
  const deviceId = await page.evaluate(begin, { shelf: SHELF, token });

  // Nobody knows the device yet. The client pauses, its owner approves, and it comes in with a token of its own.
  await until(() => globalThis.life.failures.length > 0);
  const [refused] = await page.evaluate(() => globalThis.life.failures);
  assert.deepEqual([refused.details.code, refused.details.reason, refused.details.deviceId], ["PAIRING_REQUIRED", "not-paired", deviceId]);
  await call(port(), token, "device.pair.approve", { requestId: refused.details.requestId });
  await page.evaluate(() => (globalThis.life.client.stop(), globalThis.life.client.start()));
  await until(() => globalThis.life.hellos.length === 1);
  const hello = await page.evaluate(() => globalThis.life.hellos[0]);
  assert.deepEqual([hello.protocol, hello.auth.scopes], [4, ["operator.read", "operator.write"]]);
  assert.match(hello.auth.deviceToken, /^[\w-]{43}$/);

  // Calls, a refusal, and events in order.
  const health = await page.evaluate(() => globalThis.life.client.request("health", {}));
  assert.equal(health.ok, true);
  const denied = await page.evaluate(() => globalThis.life.client.request("device.pair.list", {}).catch((error) => error.message));
  assert.equal(denied, "missing scope: operator.pairing");
  const said = await page.evaluate(() => globalThis.life.client.request("chat.send", { sessionKey: "main", message: "/help", idempotencyKey: crypto.randomUUID() }));
  await until((runId) => globalThis.life.events.some(({ event, payload }) => event === "chat" && payload.runId === runId && payload.state === "final"), said.runId);
  const seqs = await page.evaluate(() => globalThis.life.events.map(({ seq }) => seq).filter(Number.isInteger));
  assert.deepEqual(seqs, seqs.map((_, at) => seqs[0] + at));

  // The connection breaks: it comes back by the device's token alone.
  await page.evaluate(() => ((globalThis.life.shared = undefined), globalThis.life.socket.close(4999, "broken")));
  await until(() => globalThis.life.hellos.length === 2);
  assert.equal(await page.evaluate(() => globalThis.life.client.request("health", {}).then(({ ok }) => ok)), true);

  // The gateway goes: it says so, closes as a service that restarts, and the client goes on trying until it is stopped.
  console.log("stop");
  await until(() => globalThis.life.events.some(({ event }) => event === "shutdown"));
  await until(() => globalThis.life.closes.some(([code]) => code === 1012));
  await page.evaluate(() => globalThis.life.client.stop());
  assert.deepEqual(await page.evaluate(() => globalThis.life.gaps), []);
}

await browse("client", async (browser) => {
  // The page's own policy would forbid what this test brings along; everything else is as for any page.
  const { page } = await open(browser, `http://127.0.0.1:${port()}`, { bypassCSP: true });
  await shelve(page);
  await page.goto("/");
  await live(page);
  console.log("lived");
});

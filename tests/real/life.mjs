// The whole life of the official client with a device of its own, one JSON line for each thing that happens:
// refused until it is paired, connected, calls, events, a credential taken away, reconnects by itself.
// It ends with the second close that says `service restart`.
// usage: node life.mjs PORT < TOKEN    exit 0, 1 (error as JSON on standard error), 2 (usage)

import { createHash, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { text } from "node:stream/consumers";

import { fail, load, port } from "./official.mjs";

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const base64url = (bytes) => bytes.toString("base64url");

/** A new identity in the form that the client wants. */
function identity() {
  const pair = generateKeyPairSync("ed25519");
  const raw = pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    raw,
    deviceId: createHash("sha256").update(raw).digest("hex"),
    publicKeyPem: pair.publicKey.export({ format: "pem", type: "spki" }),
    privateKeyPem: pair.privateKey.export({ format: "pem", type: "pkcs8" }),
  };
}

try {
  const url = `ws://127.0.0.1:${port()}`;
  const token = (await text(process.stdin)).trim();
  const { GatewayClient } = await load("@openclaw/gateway-client");
  const { PROTOCOL_VERSION } = await load("@openclaw/gateway-protocol/version");
  const device = identity();
  const kept = new Map();
  let restarts = 0;
  let client;
  const options = {
    url,
    token,
    clientName: "cli",
    mode: "cli",
    platform: "linux",
    scopes: ["operator.read"],
    minProtocol: PROTOCOL_VERSION,
    maxProtocol: PROTOCOL_VERSION,
    deviceIdentity: device,
    hostDeps: {
      signDevicePayload: (pem, payload) => base64url(sign(null, Buffer.from(payload), createPrivateKey(pem))),
      publicKeyRawBase64UrlFromPem: () => base64url(device.raw),
      loadDeviceAuthToken: ({ role }) => kept.get(role) ?? null,
      storeDeviceAuthToken: ({ role, token, scopes }) => {
        kept.set(role, { token, scopes });
        print({ kept: role, length: token.length });
      },
      clearDeviceAuthToken: ({ role }) => {
        kept.delete(role);
        print({ cleared: role });
      },
    },
    onEvent: ({ event, payload }) => print({ event, payload }),
    onHelloOk: async (hello) => {
      print({ hello: { auth: { ...hello.auth, deviceToken: undefined }, policy: hello.policy } });
      try {
        const health = await client.request("health", {});
        const status = await client.request("status", {});
        const refused = await client.request("device.pair.list", {}).catch((error) => error.message);
        print({ called: [health.ok, typeof status.runtimeVersion, refused] });
      } catch (error) {
        print({ interrupted: error.message });
      }
    },
    onConnectError: (error) => print({ refused: error.message, details: error.details }),
    // Whoever has to be approved asks anew when its person says so; here, by itself.
    onReconnectPaused: ({ detailCode }) => {
      print({ paused: detailCode });
      client.stop();
      setTimeout(begin, 200);
    },
    onClose: async (code, reason) => {
      print({ close: { code, reason } });
      restarts += Number(code === 1012);
      if (restarts === 2) await client.stopAndWait({ timeoutMs: 2000 });
    },
  };
  const begin = () => {
    client = new GatewayClient(options);
    client.start();
  };
  begin();
} catch (error) {
  fail(error);
}

// A node of its own for the tests of the page: a device that lends its commands to a loopback gateway.

import { createHash, generateKeyPairSync, sign } from "node:crypto";

/** Connects and stays; `commands` are functions of their parameters, by name. Gives the socket. */
export function join(port, token, displayName, commands) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const id = createHash("sha256").update(raw).digest("hex");
  const client = { id: "node-host", displayName, version: "1", platform: "linux", deviceFamily: "Linux", mode: "node" };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  const send = (method, params) => socket.send(JSON.stringify({ type: "req", id: crypto.randomUUID(), method, params }));
  const told = {
    "connect.challenge": ({ nonce, ts }) => {
      const words = ["v3", id, client.id, client.mode, "node", "", ts, token, nonce, "linux", "linux"].join("|");
      const device = { id, publicKey: raw.toString("base64url"), signature: sign(null, Buffer.from(words), privateKey).toString("base64url"), signedAt: ts, nonce };
      send("connect", { minProtocol: 4, maxProtocol: 4, client, role: "node", scopes: [], caps: [], commands: Object.keys(commands), device, auth: { token } });
    },
    "node.invoke.request": ({ id: invocation, nodeId, command, paramsJSON }) => {
      send("node.invoke.result", { id: invocation, nodeId, ok: true, payload: commands[command](JSON.parse(paramsJSON ?? "{}")) });
    },
  };
  socket.onmessage = ({ data }) => {
    const { event, payload } = JSON.parse(data);
    told[event]?.(payload);
  };
  return socket;
}

// The gateway's owner at a terminal: calls its methods with the shared secret, over a connection for each.

/** The answer to one call of a loopback gateway; a refusal rejects. */
export function call(port, token, method, params = {}) {
  return new Promise((done, fail) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const send = (id, name, given) => socket.send(JSON.stringify({ type: "req", id, method: name, params: given }));
    const client = { id: "cli", version: "1", platform: "linux", mode: "cli" };
    socket.onclose = ({ code, reason }) => fail(new Error(`${method}: closed with ${code} ${reason}`));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.event === "connect.challenge") return send("c", "connect", { minProtocol: 4, maxProtocol: 4, client, role: "operator", scopes: ["operator.admin"], auth: { token } });
      if (frame.type !== "res") return undefined;
      if (!frame.ok) return fail(new Error(`${method}: ${frame.error.message}`));
      if (frame.id === "c") return send("m", method, params);
      done(frame.payload);
      return socket.close();
    };
  });
}

// What the gateway of `page.mjs` answers by script: the shapes are those of the protocol, the content tries to break out.

const now = Date.now();
const ANSWER = [
  "Here is **what I found**:\n\n- `work` is ready\n- `lab` waits for its *port*\n  1. first\n  2. second",
  "```sh\nopenclaw profile start lab\nopenclaw host conflicts --explain\n```",
  "| profile | state | memory |\n| --- | --- | --- |\n| work | ready | 31 MiB |\n| lab | backoff | - |",
  "> Port 19789 is held by pid 4242.",
  "See [the docs](https://example.org), [not this](javascript:alert(1)), ![nor that](file:///etc/passwd) <img src=x onerror=alert(1)> <script>alert(1)</script>",
].join("\n\n");

export const fleet = [
  { name: "default", kind: "local", isolation: "primary", runtime: "openclaw", intent: "up", state: "ready", phase: null, port: 18789, pid: 4242, uptimeMs: 86_400_000, restarts: 1, memoryBytes: 930e6, probe: { latencyMs: 3 }, warnings: [] },
  { name: "work", kind: "local", isolation: "isolated", runtime: "embedded", intent: "up", state: "backoff", phase: null, port: 19789, restarts: 5, lastExit: { code: 1, reason: "exited with 1", lastLines: ["listen EADDRINUSE 127.0.0.1:19789", "    at bind (net:1)"] }, warnings: [] },
  { name: "lab", kind: "local", isolation: "isolated", runtime: "embedded", intent: "down", state: "stopped", port: 20789, restarts: 0, warnings: [] },
  { name: "edge", kind: "remote", runtime: "openclaw", intent: "up", state: "starting", phase: "probing", port: 21789, restarts: 0, warnings: ["the host key is new"] },
];

/** What waits for a decision. */
export const WAITING = [
  { approvalKind: "exec", id: "6f1fde06-855f-4f0f-9d13-b79379d86c31", createdAtMs: now - 4000, expiresAtMs: now + 1_800_000, request: { command: "/bin/sh -c \"<img src=x onerror=alert(1)> [x](javascript:alert(1)) \\\\u{202E} **b** " + "long ".repeat(60) + "\"", host: "node", nodeId: "a".repeat(64), cwd: "/srv/<b>data</b>", envKeys: ["LANG"], sessionKey: "agent:main:main", warningText: "Contains shell-wrapper", allowedDecisions: ["allow-once", "deny"] } },
  { approvalKind: "exec", id: "7a2b", createdAtMs: now - 2000, expiresAtMs: now + 1_800_000, request: { command: "/usr/bin/uptime -p", host: "node", nodeId: "a".repeat(64), allowedDecisions: ["allow-once", "allow-always", "deny"] } },
];

/** The answers, by method. */
export function script() {
  fleet[1].state = "backoff";
  const sessions = [
    { key: "agent:main:main", updatedAt: now - 60_000, lastMessagePreview: "All three profiles are ready." },
    { key: "agent:main:deploy", label: "Deploy notes", updatedAt: now - 86_400_000, lastMessagePreview: "Rolled back" },
  ];
  let waiting = [{ requestId: "r1", nodeId: "c".repeat(64), displayName: "studio", platform: "linux", version: "0.1.0", commands: ["system.run", "system.which"], caps: ["system"], ts: now - 5000 }];
  let undecided = WAITING;
  const said = [
    { role: "user", content: [{ type: "text", text: "How are <b>the</b> profiles?" }], timestamp: now - 50_000 },
    { role: "assistant", content: [{ type: "toolCall", name: "fleet.status", arguments: {} }, { type: "text", text: ANSWER }], timestamp: now - 40_000 },
  ];
  const isMain = (key) => /main$/.test(key);
  return {
    "sessions.list": () => ({ sessions }),
    "sessions.create": () => (sessions.push({ key: "agent:main:new", updatedAt: Date.now() }), { ok: true, key: "agent:main:new" }),
    "sessions.patch": ({ key, label }) => (Object.assign(sessions.find((row) => row.key === key), { label }), { ok: true, key }),
    "sessions.delete": ({ key }) => (sessions.splice(sessions.findIndex((row) => row.key === key), 1), { ok: true, key, deleted: true }),
    "chat.history": ({ sessionKey }) => ({ sessionKey, sessionInfo: { key: sessionKey === "main" ? "agent:main:main" : sessionKey }, messages: isMain(sessionKey) ? said : [] }),
    "chat.send": ({ idempotencyKey }) => ({ runId: idempotencyKey, status: "started" }),
    "chat.abort": () => ({ ok: true, aborted: true, runIds: [] }),
    "node.list": () => ({ ts: now, nodes: [
      { nodeId: "a".repeat(64), displayName: "laptop", platform: "linux", version: "0.1.0", caps: [], commands: ["system.run", "system.which", "system.notify"], connected: true, paired: true, approvalState: "approved", connectedAtMs: now - 720_000 },
      { nodeId: "b".repeat(64), displayName: "old phone", platform: "android", commands: [], connected: false, paired: true, approvalState: "approved", lastSeenAtMs: now - 9e8 },
    ] }),
    "node.pair.list": () => ({ pending: waiting, paired: [] }),
    "node.pair.approve": ({ requestId }) => ((waiting = waiting.filter((one) => one.requestId !== requestId)), { requestId, node: {} }),
    "node.pair.reject": () => ({}),
    "node.pair.remove": () => ({}),
    "node.rename": () => ({}),
    "node.invoke": ({ nodeId, command }) => ({ ok: true, nodeId, command, payload: { paths: { git: "/usr/bin/git" } } }),
    "device.pair.list": () => ({
      pending: [{ requestId: "44450d69-ee74-4000-8ced-2699e707bc7c", deviceId: "d".repeat(64), clientId: "openclaw-control-ui", platform: "web", role: "operator", scopes: ["operator.read", "operator.write"], remoteIp: "10.0.0.7", ts: now - 9000 }],
      paired: [{ deviceId: "e".repeat(64), displayName: "Phone", platform: "ios", role: "operator", roles: ["operator"], scopes: ["operator.read"], createdAtMs: now - 1e9, tokens: [{ role: "operator", scopes: [], createdAtMs: 1 }] }],
    }),
    "device.pair.approve": () => ({}),
    "device.pair.reject": () => ({}),
    "device.pair.remove": () => ({}),
    "device.token.revoke": () => ({}),
    "exec.approval.list": () => undecided,
    "exec.approval.resolve": ({ id }) => ((undecided = undecided.filter((one) => one.id !== id)), { ok: true }),
    "fleet.list": () => ({ profiles: fleet }),
    "fleet.conflicts": () => ({ conflicts: [{ code: "port_in_use", severity: "error", profile: "work", port: 19789, message: "Port 19789 of `work` is held by node (pid 777)", remedy: "kill 777" }] }),
    "fleet.logs": () => ({ lines: ["the first line", "the last line"] }),
    "fleet.start": () => ({}),
    "fleet.stop": () => ({}),
    "fleet.restart": () => ({}),
    "fleet.rollback": () => ({}),
  };
}

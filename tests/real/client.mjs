// Calls `health` with the official client package and prints one JSON line {ok, hello, health}.
// usage: node client.mjs PORT < TOKEN    exit 0, 1 (error as JSON on standard error), 2 (usage)

import { connect, fail } from "./official.mjs";

try {
  const { client, hello } = await connect();
  const health = await client.request("health", {});
  console.log(JSON.stringify({ ok: true, hello, health }));
  await client.stopAndWait({ timeoutMs: 2000 });
} catch (error) {
  fail(error);
}

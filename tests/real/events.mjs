// Stays connected with the official client package and prints one JSON line for the hello, for each event
// and for the close; ends with the first close, so a test sees `shutdown` and what follows it.
// usage: node events.mjs PORT < TOKEN    exit 0, 1 (error as JSON on standard error), 2 (usage)

import { connect, fail } from "./official.mjs";

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const { client, hello, closed } = await connect({ onEvent: print });
  print({ hello: { server: hello.server, auth: hello.auth } });
  print({ close: await closed });
  client.stop();
} catch (error) {
  fail(error);
}

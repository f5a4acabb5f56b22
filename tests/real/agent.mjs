// The official client gives the agent of a loopback gateway errands: PORT, its token on standard input. It prints one JSON
// line {step} where the model behind the gateway has to go on, and ends with 0 when all went as it must.

import assert from "node:assert/strict";
import { connect, fail } from "./official.mjs";

const DEADLINE = 20_000;
const chats = [];
const waiting = new Set();
let hellos = 0;

/** What has come of a run: its `chat` events in order. */
const of = (run) => chats.filter(({ runId }) => runId === run);
const states = (run) => of(run).map(({ state }) => state);
const heard = (run) => of(run).reduce((text, { state, deltaText, replace }) => (state !== "delta" ? text : replace ? deltaText : text + deltaText), "");
const words = ({ message }) => message.content.map(({ text }) => text).join("");
const step = (step) => process.stdout.write(`${JSON.stringify({ step })}\n`);

/** Waits until `holds`, looking again at each thing that comes. */
function until(holds) {
  if (holds()) return undefined;
  const { promise, resolve, reject } = Promise.withResolvers();
  const look = () => holds() && (waiting.delete(look), resolve());
  waiting.add(look);
  setTimeout(() => reject(new Error(`in vain: ${holds}, ${JSON.stringify(chats)}`)), DEADLINE).unref();
  return promise;
}

const came = () => [...waiting].forEach((look) => look());

try {
  const { client } = await connect({
    onEvent: ({ event, payload }) => {
      if (event === "chat") chats.push(payload);
      came();
    },
    onHello: () => {
      hellos += 1;
      came();
    },
  });
  const errand = (message, idempotencyKey) => ({ message, agentId: "main", idempotencyKey });
  const ask = (message, key, options) => client.request("agent", errand(message, key), options);
  const last = { expectFinal: true };

  // Both answers to a command, and the first one alone for who wants no more.
  let accepted;
  const whole = await ask("/help", "command", { ...last, onAccepted: (payload) => (accepted = payload) });
  assert.deepEqual([accepted.status, accepted.runId, accepted.sessionKey], ["accepted", "command", "agent:main:main"]);
  assert.deepEqual([whole.status, whole.summary], ["ok", "completed"]);
  assert.match(whole.result.payloads[0].text, /\/status/);
  assert.equal((await ask("/status", "first")).status, "accepted");
  const waited = await client.request("agent.wait", { runId: "first", timeoutMs: 5000 });
  assert.equal(waited.status, "ok");

  // A model's words are told in order while they come, and the last answer is all of them.
  const story = ask("a story", "story", last);
  await until(() => heard("story") === "One ");
  step("one");
  await until(() => heard("story") === "One two ");
  step("two");
  assert.equal((await story).result.payloads[0].text, "One two three.");
  await until(() => states("story").includes("final"));
  const [end] = of("story").slice(-1);
  assert.deepEqual([end.state, words(end), heard("story")], ["final", "One two three.", "One two three."]);
  const seqs = of("story").map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.toSorted((one, other) => one - other));
  assert.equal(new Set(seqs).size, seqs.length);

  // One that is ended: the errand's last answer says so, and so does the last event, with what was said before.
  const long = ask("a long one", "long", last);
  await until(() => heard("long") === "Far");
  assert.deepEqual(await client.request("chat.abort", { sessionKey: "main", runId: "long" }), { ok: true, aborted: true, runIds: ["long"] });
  assert.deepEqual([(await long).status, (await long).summary], ["timeout", "aborted"]);
  await until(() => states("long").includes("aborted"));
  assert.equal(words(of("long").at(-1)), "Far");

  // The connection breaks in the middle. The run goes on, the client comes back by itself, sees what was said, hears the
  // rest, and is not given a second run for the same key.
  await ask("one more", "more");
  await until(() => heard("more") === "Half");
  client.ws.terminate();
  await until(() => hellos === 2);
  const { inFlightRun } = await client.request("chat.history", { sessionKey: "main" });
  assert.deepEqual([inFlightRun.runId, inFlightRun.text], ["more", "Half"]);
  assert.equal((await ask("one more", "more", last)).status, "in_flight");
  step("back");
  await until(() => states("more").includes("final"));
  assert.equal(words(of("more").at(-1)), "Half a word");
  assert.equal(heard("more"), "Half a word");
  assert.equal((await ask("one more", "more", last)).result.payloads[0].text, "Half a word");

  // A model that refuses: the errand fails in words, and carries what came of the run.
  const refused = await ask("too much", "refused", last).catch((error) => error);
  assert.deepEqual([refused.gatewayCode, refused.responsePayload?.status], ["UNAVAILABLE", "error"], JSON.stringify(refused));
  assert.match(refused.message, /too long/);

  const history = await client.request("chat.history", { sessionKey: "main" });
  const said = history.messages.filter(({ role }) => role === "assistant").map((message) => words({ message }));
  assert.deepEqual(said.slice(2), ["One two three.", "Far", "Half a word"]);
  await client.stopAndWait({ timeoutMs: 2000 });
} catch (error) {
  console.error(error.stack);
  fail(error);
}

// The conversation with the gateway's agent: history, what is being said just now, and one's own words.

const HISTORY = 200;

const chat = {
  id: "chat", title: "Chat", drawing: "chat", letter: "c", needs: "chat.history",
  key: null, names: new Set(), runs: new Map(), stuck: true,

  make() {
    this.list = el("ol.messages", { role: "log", "aria-label": "Conversation", "aria-live": "off", tabindex: "0" });
    this.scroller = el("div.talk", {}, this.list);
    this.jump = button("Latest", () => this.follow(true), { look: ".jump", drawing: "down", hidden: true });
    this.scroller.addEventListener("scroll", () => {
      this.stuck = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 40;
      this.jump.hidden = this.stuck;
    });
    this.heading = el("h1", {}, "Chat");
    const bar = el("header.bar", {},
      button("Sessions", () => sessions.toggle(), { look: ".quiet.only-narrow", drawing: "menu", "aria-label": "Sessions", "aria-expanded": "false", "aria-controls": "sessions", id: "show-sessions" }),
      this.heading, sessions.tools());
    // A composer that grows, or a phone that turns, hides nothing of the end.
    new ResizeObserver(() => this.follow()).observe(this.scroller);
    this.composer = can("chat.send") ? this.makeComposer() : null;
    const talk = el("section.conversation", { "aria-label": "Conversation" }, bar, this.scroller, this.jump, this.composer);
    return [sessions.make(), talk];
  },

  makeComposer() {
    this.input = el("textarea", { id: "message", rows: "1", "aria-label": "Message", placeholder: "Message, or /help", enterkeyhint: "send", onkeydown: (event) => this.typed(event), oninput: () => this.grow() });
    this.sender = button("Send", () => this.send(), { look: ".primary.send", drawing: "send", "aria-label": "Send" });
    this.stopper = button("Stop", () => this.abort(), { look: ".send", drawing: "stop", "aria-label": "Stop the answer (Esc)", hidden: true });
    return el("form.composer", { onsubmit: (event) => event.preventDefault() }, el("div", {}, this.input, this.stopper, this.sender));
  },

  typed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  },

  grow() {
    this.input.rows = Math.min(8, Math.max(1, this.input.value.split("\n").length));
  },

  async refresh() {
    if (sessions.can) await sessions.refresh();
    await this.choose(this.key ?? sessions.first());
  },

  /** Shows the session with that key. */
  async choose(key) {
    const changed = key !== this.key;
    if (changed) {
      this.list.replaceChildren();
      this.runs.clear();
      this.stuck = true;
      this.list.append(el("li.muted.empty", {}, "Loading…"));
    }
    Object.assign(this, { key });
    if (changed) this.names = new Set([key]);
    if (shown === this && wanted(this.id) !== key) history.replaceState(null, "", `#chat/${encodeURIComponent(key)}`);
    sessions.mark(key);
    this.heading.textContent = sessions.title(key);
    const told = await wire.call("chat.history", { sessionKey: key, limit: HISTORY });
    // Another one may have been chosen while this was on its way.
    if (this.key !== key) return;
    for (const name of [told.sessionKey, told.sessionInfo?.key]) if (name) this.names.add(name);
    const going = told.inFlightRun;
    const active = new Set([...(told.sessionInfo?.activeRunIds ?? []), going?.runId]);
    for (const [id, run] of this.runs) if (run.over || !(active.has(id) || run.sending)) this.runs.delete(id);
    this.show(told.messages ?? []);
    // What was said before this page looked comes with the history, the rest as events.
    if (going && !this.runs.has(going.runId)) this.grew(this.begin(going.runId), { deltaText: going.text, replace: true });
  },

  show(messages) {
    const lines = [];
    for (const line of messages.map(message)) {
      // What tools answered belongs to who asked them.
      if (line.isResult && lines.at(-1)?.role === "assistant") lines.at(-1).tools.push(...line.tools);
      else if (line.text || line.tools.length > 0) lines.push(line);
    }
    const nodes = lines.map((line) => bubble(line));
    const running = [...this.runs.values()].flatMap((run) => [run.asked && !lines.some((line) => line.run === run.id || line.text === run.asked.text) ? run.asked.node : null, run.node]).filter(Boolean);
    if (nodes.length + running.length === 0) nodes.push(el("li.empty", {}, el("p", {}, "Nothing has been said here yet."), el("p.muted", {}, "Write below. Shift and Enter begin a new line.")));
    this.list.replaceChildren(...nodes, ...running);
    this.state();
    this.follow();
  },

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    const id = crypto.randomUUID();
    const asked = { text, node: bubble({ role: "user", text, tools: [], at: Date.now() }) };
    const run = this.begin(id, { asked, sending: true });
    this.input.value = "";
    this.grow();
    this.follow(true);
    try {
      const answer = await wire.call("chat.send", { sessionKey: this.key, message: text, idempotencyKey: id });
      run.sending = false;
      if (answer?.runId && answer.runId !== id) this.rename(run, answer.runId);
    } catch (error) {
      run.node.remove();
      this.runs.delete(run.id);
      asked.node.classList.add("failed");
      asked.node.append(el("p.meta", {}, `Not sent: ${error.message}`));
      if (!this.input.value) this.input.value = text;
      this.state();
    }
  },

  rename(run, id) {
    this.runs.delete(run.id);
    run.id = id;
    this.runs.set(id, run);
  },

  async abort() {
    await wire.call("chat.abort", { sessionKey: this.key });
  },

  /** A run that is being answered: its place at the end of the list. */
  begin(id, more = {}) {
    const body = el("div.text", {}, el("p.thinking", {}, el("span.dot.busy", { "aria-hidden": "true" }), "Thinking…"));
    const tools = el("ul.tools", { hidden: true });
    const node = el("li.message.from-agent.live", {}, el("p.who", {}, "OpenClaw"), tools, body);
    const run = { id, text: "", body, tools, node, over: false, ...more };
    this.runs.set(id, run);
    this.list.querySelector(".empty")?.remove();
    this.list.append(...[run.asked?.node, node].filter(Boolean));
    this.state();
    this.follow();
    return run;
  },

  event(name, payload) {
    if (name === "sessions.changed") sessions.later();
    if (!this.names.has(payload.sessionKey ?? payload.data?.sessionKey)) return;
    if (name === "agent" && payload.stream === "tool") this.tool(payload);
    if (name === "chat") this.said(payload);
  },

  said(payload) {
    const { runId, state } = payload;
    const known = this.runs.get(runId);
    if (known?.over) return;
    const run = known ?? (state === "delta" || state === "status" ? this.begin(runId) : null);
    // What began elsewhere has a question, and what was put in has an answer, that only the history knows.
    if (!known) this.later();
    if (!run) return;
    if (state === "delta") this.grew(run, payload);
    else if (state !== "status") this.over(run, payload);
  },

  grew(run, { deltaText, replace, message: whole }) {
    const full = whole ? message(whole).text : "";
    run.text = full || (replace ? deltaText : run.text + (deltaText ?? ""));
    if (run.drawn) return;
    run.drawn = requestAnimationFrame(() => {
      run.drawn = null;
      if (!run.over && run.text) this.write(run);
    });
  },

  write(run) {
    run.body.querySelector(".thinking")?.remove();
    writeMarkdown(run.body, run.text);
    this.follow();
  },

  over(run, { state, message: whole, errorMessage }) {
    run.over = true;
    run.text = (whole ? message(whole).text : "") || run.text;
    this.write(run);
    run.node.classList.remove("live");
    if (!run.text) run.body.querySelector(".thinking")?.remove();
    const words = { aborted: "Stopped", error: errorMessage || "The answer failed." }[state];
    if (words) run.node.append(el(`p.meta${state === "error" ? ".bad" : ""}`, {}, words));
    announce(words ?? `OpenClaw: ${run.text.slice(0, 400)}`);
    this.state();
    this.later();
    sessions.later();
  },

  tool({ runId, data = {} }) {
    const run = this.runs.get(runId) ?? this.begin(runId);
    const id = data.toolCallId ?? data.name;
    let node = [...run.tools.children].find((child) => child.tool === id);
    if (!node) {
      node = el("li", {}, el("code", {}, data.name ?? "tool"), el("span.meta", {}, "running"));
      node.tool = id;
      run.tools.append(node);
      run.tools.hidden = false;
    }
    if (data.phase === "result" || data.phase === "end") node.lastElementChild.textContent = data.isError ? "failed" : "done";
    this.follow();
  },

  later() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => wire.isOpen && this.choose(this.key).catch(() => {}), 300);
  },

  /** The buttons beside the composer: one sends, and while an answer comes one stops it. */
  state() {
    if (!this.composer) return;
    this.isRunning = [...this.runs.values()].some((run) => !run.over);
    this.stopper.hidden = !(this.isRunning && can("chat.abort"));
  },

  follow(anyway = false) {
    if (!this.stuck && !anyway) return;
    this.stuck = true;
    this.jump.hidden = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  },

  keys: { "/": () => chat.input?.focus(), n: () => sessions.begin?.() },

  escape() {
    if (!this.isRunning || !can("chat.abort")) return false;
    this.abort().catch((error) => tell(error, "bad"));
    return true;
  },
};

/** A message of the history: who, what, and the tools that were used. */
function message({ role = "assistant", content = "", text, timestamp, runId, idempotencyKey, toolName }) {
  const parts = typeof content === "string" ? [{ type: "text", text: content || text || "" }] : Array.isArray(content) ? content : [];
  const words = parts.filter((part) => part?.type === "text" || part?.type === "output_text").map((part) => part.text ?? "");
  const tools = parts.filter((part) => /^tool_?(call|use)$/i.test(part?.type ?? "")).map((part) => ({ name: part.name ?? "tool", text: JSON.stringify(part.arguments ?? part.input ?? {}) }));
  const isResult = /tool/i.test(role);
  if (isResult) tools.push({ name: `${toolName ?? "tool"} answered`, text: words.join("\n") });
  return { role, isResult, text: isResult ? "" : words.join("\n").trim(), tools, at: timestamp, run: runId ?? idempotencyKey };
}

/** A message as it stands in the list. */
function bubble({ role, text, tools, at }) {
  const mine = role === "user";
  const body = el("div.text");
  if (mine) body.textContent = text;
  else writeMarkdown(body, text);
  const used = tools.map((tool) => el("details.tool", {}, el("summary", {}, el("code", {}, tool.name)), el("pre", {}, tool.text)));
  const who = { user: "You", system: "Note" }[role] ?? "OpenClaw";
  const meta = Number.isFinite(at) ? el("time.meta", { datetime: new Date(at).toISOString() }, clock(at)) : null;
  return el(`li.message.${mine ? "from-me" : "from-agent"}`, {}, el("p.who", {}, who, meta ? [" ", meta] : null), used, text ? body : null);
}

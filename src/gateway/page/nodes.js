// The nodes: which there are, which ask to be let in, and one command on one of them.

const nodes = {
  id: "nodes", title: "Nodes", drawing: "nodes", letter: "n", needs: "node.list",

  make() {
    this.asking = el("ul.cards");
    this.pending = el("section", { hidden: true, "aria-labelledby": "nodes-asking" }, el("h2", { id: "nodes-asking" }, "Waiting for approval"), this.asking);
    this.list = el("ul.cards", { "aria-label": "Nodes" });
    this.none = el("div.empty", { hidden: true }, el("p", {}, "No node has joined."), el("p.muted", {}, "A node is a machine that lends this gateway its commands. On that machine:"), copyable("openclaw node run"));
    return page(this, [this.pending, this.none, this.list]);
  },

  async refresh() {
    const [{ nodes: found = [] }, { pending = [] }] = await Promise.all([wire.call("node.list"), can("node.pair.list") ? wire.call("node.pair.list") : {}]);
    this.pending.hidden = pending.length === 0;
    keyed(this.asking, pending, (request) => request.requestId, (request) => this.request(request));
    this.none.hidden = found.length + pending.length > 0;
    keyed(this.list, found.toSorted((a, b) => Number(b.connected) - Number(a.connected) || name(a).localeCompare(name(b))), (node) => node.nodeId, (node) => this.card(node));
  },

  request(request) {
    const wants = [...(request.commands ?? []), ...(request.caps ?? []).map((cap) => `${cap} (capability)`)];
    return el("li.card.asks", {},
      el("h3", {}, name(request)), facts([["Platform", request.platform], ["Version", request.version], ["Id", short(request.nodeId)], ["Asked", ago(request.ts)]]),
      wants.length > 0 ? [el("p", {}, "It offers these commands:"), chips(wants)] : el("p.muted", {}, "It offers no commands."),
      el("p.row", {},
        can("node.pair.approve") ? button("Approve", () => this.decide("node.pair.approve", request), { look: ".primary", "aria-label": `Approve ${name(request)}` }) : null,
        can("node.pair.reject") ? button("Reject", () => this.decide("node.pair.reject", request), { "aria-label": `Reject ${name(request)}` }) : null));
  },

  async decide(method, { requestId }) {
    await wire.call(method, { requestId });
    await this.refresh();
  },

  card(node) {
    const state = node.connected ? ["ready", "connected"] : ["stopped", node.approvalState === "approved" || node.paired ? "not connected" : "unknown"];
    const commands = node.commands ?? [];
    return el("li.card", {},
      el("div.head", {}, el("h3", {}, name(node)), pill(...state), node.approvalState === "pending-approval" ? pill("starting", "waiting for approval") : null),
      facts([["Platform", node.platform], ["Version", node.version], ["Id", short(node.nodeId)], ["Since", node.connected ? ago(node.connectedAtMs) : ""], ["Last seen", node.connected ? "" : ago(node.lastSeenAtMs)]]),
      commands.length > 0 ? chips(commands) : null,
      node.connected && commands.length > 0 && can("node.invoke") ? this.invoker(node, commands) : null,
      el("p.row", {},
        can("node.rename") ? button("Rename", () => this.rename(node), { look: ".small", "aria-label": `Rename ${name(node)}` }) : null,
        can("node.pair.remove") && node.paired ? button("Remove", () => this.remove(node), { look: ".small.danger", "aria-label": `Remove ${name(node)}` }) : null));
  },

  /** A command with its parameters, and what came of it. */
  invoker(node, commands) {
    const command = el("select", {}, commands.map((one) => el("option", { value: one }, one)));
    const params = el("textarea", { rows: "3", spellcheck: "false", value: "{}" });
    const result = el("pre.result", { hidden: true, tabindex: "0", role: "status" });
    const run = async () => {
      let given;
      try {
        given = JSON.parse(params.value || "{}");
      } catch (error) {
        return tell(`The parameters are no JSON: ${error.message}`, "bad");
      }
      result.hidden = false;
      result.textContent = "Running…";
      try {
        const answer = await wire.call("node.invoke", { nodeId: node.nodeId, command: command.value, params: given, timeoutMs: 30_000, idempotencyKey: crypto.randomUUID() }, 40_000);
        result.textContent = JSON.stringify(answer.payload ?? answer, null, 2);
      } catch (error) {
        result.textContent = error.message;
      }
    };
    return el("details.invoke", {}, el("summary", {}, "Run a command"), field("Command", command), field("Parameters (JSON)", params), el("p.row", {}, button("Run", run, { look: ".primary" })), result);
  },

  async rename(node) {
    const input = el("input", { type: "text", value: name(node), maxlength: "64" });
    const displayName = await ask({ title: "Rename the node", body: field("Name", input), yes: "Rename", read: () => input.value.trim() });
    if (!displayName) return;
    await wire.call("node.rename", { nodeId: node.nodeId, displayName });
    await this.refresh();
  },

  async remove(node) {
    if (!(await ask({ title: `Remove “${name(node)}”?`, body: el("p", {}, "It has to be approved again before it can come back."), yes: "Remove", danger: true }))) return;
    await wire.call("node.pair.remove", { nodeId: node.nodeId });
    await this.refresh();
  },

  event(name) {
    if (/^node\.(pair\.|presence)/.test(name) || name === "presence") later(this);
  },
};

const name = ({ operatorLabel, displayName, nodeId, deviceId, clientId }) => operatorLabel || displayName || clientId || short(nodeId ?? deviceId);
const short = (id) => (id ? `${id.slice(0, 12)}…` : "");
const pill = (state, words) => el(`span.pill.is-${state}`, {}, el("span.dot", { "aria-hidden": "true" }), words);
const chips = (words) => el("ul.chips", {}, words.map((word) => el("li", {}, el("code", {}, word))));
const facts = (pairs) => el("dl.facts", {}, pairs.filter(([, value]) => value).map(([word, value]) => el("div", {}, el("dt", {}, word), el("dd", {}, value))));

/** A page of the usual form: its heading, and what stands below. */
const page = (view, parts, tools = []) => [el("header.bar", {}, el("h1", {}, view.title), tools), el("div.sheet", {}, parts)];

/** Asks anew soon; what happens in a burst is asked for once. */
function later(view) {
  clearTimeout(view.soon);
  view.soon = setTimeout(() => wire.isOpen && view === shown && refresh(view), 200);
}

// What waits for a decision: commands that a node would run once somebody allows it.

const approvals = {
  id: "approvals", title: "Approvals", drawing: "approvals", letter: "a", needs: "exec.approval.list",

  make() {
    this.list = el("ul.cards", { "aria-label": "Waiting for a decision" });
    this.none = el("p.empty.muted", { hidden: true }, "Nothing waits for a decision.");
    return page(this, [this.none, this.list]);
  },

  async refresh() {
    const [found, { nodes: known = [] }] = await Promise.all([wire.call("exec.approval.list"), can("node.list") ? wire.call("node.list") : {}]);
    this.names = new Map(known.map((node) => [node.nodeId, name(node)]));
    this.none.hidden = found.length > 0;
    keyed(this.list, found, (one) => one.id, (one) => this.card(one));
    clearTimeout(this.due);
    // What nobody decides in time goes by itself.
    const next = Math.min(...found.map((one) => one.expiresAtMs));
    if (found.length > 0) this.due = setTimeout(() => later(this), Math.min(Math.max(next - Date.now(), 0) + 500, 3_600_000));
  },

  card({ id, request, createdAtMs, expiresAtMs }) {
    const { command, allowedDecisions = [], envKeys = [] } = request;
    const words = { "allow-once": ["Allow once", ".primary"], "allow-always": ["Allow always", ""], deny: ["Deny", ".danger"] };
    return el("li.card.asks", {},
      el("h3", {}, request.nodeId ? `On the node ${this.names.get(request.nodeId) ?? short(request.nodeId)}` : "A command"),
      el("pre.result", { tabindex: "0", "aria-label": "Command" }, command),
      request.warningText ? el("p", { role: "note" }, request.warningText) : null,
      facts([["In", request.cwd], ["Node", short(request.nodeId)], ["Variables", envKeys.join(", ")], ["Session", request.sessionKey], ["Id", short(id)], ["Asked", ago(createdAtMs)], ["Until", new Date(expiresAtMs).toLocaleTimeString()]]),
      can("exec.approval.resolve") ? el("p.row", {}, allowedDecisions.filter((decision) => words[decision]).map((decision) => {
        const [label, look] = words[decision];
        return button(label, () => this.decide(id, decision), { look, "aria-label": `${label}: ${command}` });
      })) : null);
  },

  async decide(id, decision) {
    await wire.call("exec.approval.resolve", { id, decision });
    await this.refresh();
  },

  event(name) {
    if (name.startsWith("exec.approval.")) later(this);
  },
};

/** Somebody waits for a decision, wherever on the page one is. */
function heardOfApproval(name, { request }) {
  if (name !== "exec.approval.requested" || shown === approvals || !can(approvals.needs)) return;
  tell(`A command waits for approval: ${request.command.slice(0, 80)}`);
}

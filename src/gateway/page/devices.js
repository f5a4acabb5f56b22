// The devices that may sign in, and those that ask to.

const devices = {
  id: "devices", title: "Devices", drawing: "devices", letter: "d", needs: "device.pair.list",

  make() {
    this.asking = el("ul.cards");
    this.pending = el("section", { hidden: true, "aria-labelledby": "devices-asking" }, el("h2", { id: "devices-asking" }, "Waiting for approval"), this.asking);
    this.list = el("ul.cards", { "aria-label": "Devices" });
    this.none = el("p.empty.muted", { hidden: true }, "No device is paired.");
    return page(this, [this.pending, this.none, this.list]);
  },

  async refresh() {
    const { pending = [], paired = [] } = await wire.call("device.pair.list");
    this.pending.hidden = pending.length === 0;
    keyed(this.asking, pending, (request) => request.requestId, (request) => this.request(request));
    this.none.hidden = paired.length + pending.length > 0;
    const mine = (device) => device.deviceId === browser.id;
    keyed(this.list, paired.toSorted((a, b) => Number(mine(b)) - Number(mine(a)) || (b.createdAtMs ?? 0) - (a.createdAtMs ?? 0)), (device) => device.deviceId, (device) => this.card(device, mine(device)));
  },

  request(request) {
    return el("li.card.asks", {},
      el("h3", {}, name(request)),
      facts([["Role", request.role ?? request.roles?.join(", ")], ["Platform", request.platform], ["From", request.remoteIp], ["Page", request.browserOrigin], ["Id", short(request.deviceId)], ["Request", request.requestId], ["Asked", ago(request.ts)]]),
      request.scopes?.length ? [el("p", {}, "It asks for these rights:"), chips(request.scopes)] : null,
      el("p.row", {},
        can("device.pair.approve") ? button("Approve", () => this.act("device.pair.approve", { requestId: request.requestId }), { look: ".primary", "aria-label": `Approve ${name(request)}` }) : null,
        can("device.pair.reject") ? button("Reject", () => this.act("device.pair.reject", { requestId: request.requestId }), { "aria-label": `Reject ${name(request)}` }) : null));
  },

  card(device, mine) {
    const roles = device.roles ?? [device.role].filter(Boolean);
    return el("li.card", {},
      el("div.head", {}, el("h3", {}, name(device)), mine ? pill("ready", "this browser") : null, device.connected && !mine ? pill("ready", "connected") : null),
      facts([["Role", roles.join(", ")], ["Platform", device.platform], ["Id", short(device.deviceId)], ["Paired", ago(device.createdAtMs)], ["Last seen", ago(device.lastSeenAtMs)]]),
      device.scopes?.length ? chips(device.scopes) : null,
      el("p.row", {},
        can("device.pair.rename") ? button("Rename", () => this.rename(device), { look: ".small", "aria-label": `Rename ${name(device)}` }) : null,
        can("device.token.revoke") ? (device.tokens ?? []).filter((token) => !token.revokedAtMs).map(({ role }) => button(`Revoke ${role} token`, () => this.revoke(device, role, mine), { look: ".small.danger", "aria-label": `Revoke the ${role} token of ${name(device)}` })) : null,
        can("device.pair.remove") ? button("Remove", () => this.remove(device, mine), { look: ".small.danger", "aria-label": `Remove ${name(device)}` }) : null));
  },

  async revoke(device, role, mine) {
    const body = el("p", {}, mine ? "This is the browser that you are using: you will have to sign in again." : "It has to sign in again with the gateway's own secret.");
    if (await ask({ title: `Revoke the token of “${name(device)}”?`, body, yes: "Revoke", danger: true })) await this.act("device.token.revoke", { deviceId: device.deviceId, role });
  },

  async rename(device) {
    const input = el("input", { type: "text", value: name(device), maxlength: "64" });
    const label = await ask({ title: "Rename the device", body: field("Name", input), yes: "Rename", read: () => input.value.trim() });
    if (label) await this.act("device.pair.rename", { deviceId: device.deviceId, label });
  },

  async remove(device, mine) {
    const body = el("p", {}, mine ? "This is the browser that you are using." : "It has to be paired again before it can come back.");
    if (await ask({ title: `Remove “${name(device)}”?`, body, yes: "Remove", danger: true })) await this.act("device.pair.remove", { deviceId: device.deviceId });
  },

  async act(method, params) {
    await wire.call(method, params);
    // What concerns this very browser may have ended the connection.
    if (wire.isOpen) await this.refresh();
  },

  event(name) {
    if (name.startsWith("device.") || name === "presence") later(this);
  },
};

// The sessions beside the conversation: choose, begin, name, delete.

const sessions = {
  rows: [],

  get can() {
    return can("sessions.list");
  },

  make() {
    this.list = el("ul.rows", { "aria-label": "Sessions" });
    const begin = can("sessions.create") ? button("New session", () => this.begin(), { look: ".wide", drawing: "plus" }) : null;
    this.panel = el("aside.sessions", { id: "sessions", "aria-label": "Sessions", hidden: !this.can }, begin, this.list);
    return this.panel;
  },

  /** What can be done with the chosen one. */
  tools() {
    return el("div.tools-of-session", {},
      can("sessions.patch") ? button("Rename", () => this.rename(), { look: ".quiet", drawing: "pen", "aria-label": "Rename this session", title: "Rename" }) : null,
      can("sessions.delete") ? button("Delete", () => this.remove(), { look: ".quiet", drawing: "bin", "aria-label": "Delete this session", title: "Delete" }) : null);
  },

  toggle(shown = !this.panel.classList.contains("shown")) {
    this.panel.classList.toggle("shown", shown);
    byId("show-sessions")?.setAttribute("aria-expanded", String(shown));
    if (shown) this.panel.querySelector("button")?.focus();
  },

  async refresh() {
    const answer = await wire.call("sessions.list", { limit: 100, includeDerivedTitles: true, includeLastMessage: true });
    const main = this.mainKey();
    this.rows = answer.sessions ?? [];
    if (!this.rows.some((row) => this.isSame(row.key, main))) this.rows.unshift({ key: main });
    keyed(this.list, this.rows.map(({ key, label, displayName, derivedTitle, lastMessagePreview, updatedAt, hasActiveRun }) => ({ key, label, displayName, derivedTitle, lastMessagePreview, updatedAt, hasActiveRun })), (row) => row.key, (row) => this.row(row));
    this.mark(chat.key);
  },

  row(row) {
    const shown = el("button.session", { type: "button", onclick: () => { this.toggle(false); go(`chat/${encodeURIComponent(row.key)}`); chat.choose(row.key).catch((error) => tell(error, "bad")); } },
      el("span.name", {}, this.titleOf(row)), el("span.meta", {}, row.hasActiveRun ? "answering…" : ago(row.updatedAt)),
      row.lastMessagePreview ? el("span.preview", {}, String(row.lastMessagePreview).slice(0, 120)) : null);
    return el("li", {}, shown);
  },

  mark(key) {
    [...(this.list?.children ?? [])].forEach((item) => {
      const chosen = this.isSame(item.keyedBy, key);
      if (chosen) item.firstElementChild.setAttribute("aria-current", "true");
      else item.firstElementChild.removeAttribute("aria-current");
    });
  },

  mainKey: () => wire.hello?.snapshot?.sessionDefaults?.mainSessionKey ?? "main",

  /** `main` and `agent:main:main` are one. */
  isSame: (one, other) => one === other || `agent:main:${one}` === other || one === `agent:main:${other}`,

  first() {
    return wanted("chat") ?? this.rows[0]?.key ?? this.mainKey();
  },

  title(key) {
    return this.titleOf(this.rows.find((row) => this.isSame(row.key, key)) ?? { key });
  },

  titleOf: ({ key, label, displayName, derivedTitle }) => label || displayName || derivedTitle || (/^(agent:[^:]+:)?main$/.test(key) ? "Main" : key.replace(/^agent:[^:]+:/, "")),

  async begin() {
    if (!can("sessions.create")) return;
    const made = await wire.call("sessions.create", {});
    await this.refresh();
    this.toggle(false);
    go(`chat/${encodeURIComponent(made.key)}`);
    await chat.choose(made.key);
    chat.input?.focus();
  },

  async rename() {
    const key = chat.key;
    const input = el("input", { type: "text", maxlength: "512", value: this.title(key) });
    const label = await ask({ title: "Rename the session", body: field("Name", input), yes: "Rename", read: () => input.value.trim() });
    if (label === undefined) return;
    await wire.call("sessions.patch", { key, label: label || null });
    await this.refresh();
    chat.heading.textContent = this.title(key);
  },

  async remove() {
    const key = chat.key;
    const sure = await ask({ title: `Delete “${this.title(key)}”?`, body: el("p", {}, "Its messages are gone then."), yes: "Delete", danger: true });
    if (!sure) return;
    await wire.call("sessions.delete", { key, deleteTranscript: true });
    await this.refresh();
    const next = this.rows[0]?.key ?? this.mainKey();
    go(`chat/${encodeURIComponent(next)}`);
    chat.key = null;
    await chat.choose(next);
  },

  later() {
    if (!this.can) return;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => wire.isOpen && this.refresh().catch(() => {}), 250);
  },
};

// The gateway's log: its end, and what is added while one looks.

const LINES_MAX = 2000;
const LOOK_MS = 1500;

const log = {
  id: "log", title: "Log", drawing: "log", letter: "l", needs: "logs.tail",
  cursor: null, follows: true,

  make() {
    this.lines = el("ol.log-lines", { "aria-label": "Log lines", tabindex: "0" });
    this.lines.addEventListener("scroll", () => (this.stuck = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 40));
    this.stuck = true;
    this.filter = el("input", { type: "search", id: "log-filter", placeholder: "Filter", "aria-label": "Filter the lines", oninput: () => [...this.lines.children].forEach((line) => this.sift(line)) });
    this.follow = el("input", { type: "checkbox", id: "log-follow", checked: true, onchange: () => this.look() });
    this.file = el("p.muted.file");
    const tools = [this.filter, el("span.check", {}, this.follow, el("label", { for: "log-follow" }, "Follow"))];
    return [el("header.bar", {}, el("h1", {}, "Log"), el("div.tools", {}, tools)), this.lines, this.file];
  },

  async refresh() {
    this.cursor = null;
    this.lines.replaceChildren();
    await this.look();
  },

  /** Fetches what is new, and looks again after a while as long as somebody does. */
  async look() {
    clearTimeout(this.soon);
    const answer = await wire.call("logs.tail", this.cursor === null ? { limit: 500 } : { cursor: this.cursor, limit: 1000 });
    if (this.cursor !== null && answer.reset) this.add([{ text: "… the log was rotated …", level: "note" }]);
    this.cursor = answer.cursor;
    this.file.textContent = answer.file;
    this.add(answer.lines.map(logLine));
    clearTimeout(this.soon);
    if (shown === this && this.follow.checked) this.soon = setTimeout(() => this.again(), LOOK_MS);
  },

  again() {
    if (shown !== this || !this.follow.checked || !wire.isOpen) return;
    if (document.hidden) this.soon = setTimeout(() => this.again(), LOOK_MS);
    else this.look().catch((error) => tell(error, "bad"));
  },

  add(found) {
    const nodes = found.map(({ at, level, from, text }) => {
      const node = el(`li.at-${level}`, {}, el("span.when", {}, at ?? ""), el("span.level", {}, level === "note" ? "" : level), el("span.from", {}, from ?? ""), el("span.words", {}, text));
      this.sift(node);
      return node;
    });
    this.lines.append(...nodes);
    while (this.lines.children.length > LINES_MAX) this.lines.firstElementChild.remove();
    if (this.stuck && nodes.length > 0) this.lines.scrollTop = this.lines.scrollHeight;
  },

  sift(line) {
    const wanted = this.filter.value.toLowerCase();
    line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
  },

  keys: { "/": () => log.filter.focus(), f: () => log.follow.click() },
};

/** A line as the gateway writes it, taken apart; whatever is no such line stays whole. */
function logLine(line) {
  try {
    const said = JSON.parse(line);
    const meta = said._meta ?? {};
    const level = (meta.logLevelName ?? said.level ?? "info").toLowerCase();
    const words = Object.keys(said).filter((key) => /^\d+$/.test(key)).map((key) => said[key]);
    const label = /^\{"subsystem"/.test(words[0]) ? JSON.parse(words.shift()).subsystem : meta.name;
    const text = words.map((word) => (typeof word === "string" ? word : JSON.stringify(word))).join(" ") || said.message || line;
    const at = new Date(said.time ?? meta.date);
    return { at: Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString([], { hour12: false }), level, from: label, text };
  } catch {
    return { level: "info", text: line };
  }
}

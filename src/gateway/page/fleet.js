// A rescue gateway's view of the others: how every profile is, what stands in its way, and what can be done.

const FLEET_LOOK_MS = 10_000;

/** The line that says what is wrong: an indented one goes on with the one before it. */
const telling = (lines) => lines.findLast((line) => !/^\s/.test(line)) ?? lines.at(-1);

const fleet = {
  id: "fleet", title: "Fleet", drawing: "fleet", letter: "f", needs: "fleet.list",

  make() {
    this.conflicts = el("ul.cards");
    this.trouble = el("section", { hidden: true, "aria-labelledby": "fleet-trouble" }, el("h2", { id: "fleet-trouble" }, "Conflicts"), this.conflicts);
    this.list = el("ul.cards.wide-cards", { "aria-label": "Profiles" });
    this.none = el("p.empty.muted", { hidden: true }, "There are no other profiles.");
    this.summary = el("p.muted", { role: "status" });
    this.wrong = el("p.verdict", { role: "alert", hidden: true });
    return page(this, [this.wrong, this.trouble, this.none, this.list], this.summary);
  },

  async refresh() {
    clearTimeout(this.again);
    // Memory and latency are no events; whoever looks gets them anew.
    this.again = setTimeout(() => shown === this && (document.hidden ? (this.again = setTimeout(() => later(this), FLEET_LOOK_MS)) : later(this)), FLEET_LOOK_MS);
    const [{ profiles = [], own, may }, { conflicts = [] }] = await Promise.all([wire.call("fleet.list"), this.allows("conflicts") ? wire.call("fleet.conflicts") : {}]);
    this.wrong.hidden = true;
    Object.assign(this, { own, may });
    this.none.hidden = profiles.length > 0;
    const ready = profiles.filter((profile) => profile.state === "ready").length;
    this.summary.textContent = profiles.length > 0 ? `${ready} of ${profiles.length} ready` : "";
    keyed(this.list, profiles, (profile) => profile.name, (profile) => this.card(profile));
    this.trouble.hidden = conflicts.length === 0;
    keyed(this.conflicts, conflicts, (conflict) => JSON.stringify([conflict.code, conflict.profile, conflict.port, conflict.message]), (conflict) => this.conflict(conflict));
  },

  card(profile) {
    const { name, state, phase, lastExit } = profile;
    // One that was asked to stop ended well; why it did not come again is no matter of that end.
    const ended = (state === "failed" || state === "backoff") && !lastExit?.reason?.startsWith("stopped as asked") ? [lastExit?.reason, telling(lastExit?.lastLines ?? [])].filter(Boolean).join(": ") : "";
    return el("li.card.profile", { "data-profile": name },
      el("div.head", {}, el("h3", {}, name), pill(state, phase ? `${state}: ${phase}` : state), profile.intent && profile.intent !== (state === "stopped" ? "down" : "up") ? el("span.meta", {}, `wanted ${profile.intent}`) : null),
      facts([
        ["Port", profile.port], ["Runtime", profile.runtime], ["Up", profile.uptimeMs ? span(profile.uptimeMs) : ""],
        ["Memory", profile.memoryBytes ? size(profile.memoryBytes) : ""], ["Latency", Number.isFinite(profile.probe?.latencyMs) ? `${Math.round(profile.probe.latencyMs)} ms` : ""],
        ["Restarts", profile.restarts ? String(profile.restarts) : ""], ["Pid", profile.pid],
      ]),
      ended ? el("p.verdict", {}, ended) : null,
      (profile.warnings ?? []).map((warning) => el("p.hint", {}, typeof warning === "string" ? warning : warning.message)),
      this.tools(profile));
  },

  /** Whether this gateway's manifest lets it do that. */
  allows(verb) {
    return can(`fleet.${verb}`) && (this.may ?? [verb]).includes(verb);
  },

  tools({ name, state }) {
    const runs = !["stopped", "failed", "backoff"].includes(state);
    if (name === this.own) return el("p.hint", {}, "The gateway that shows this page.");
    const act = (verb, words, look = "", sure) => this.allows(verb) ? button(words, () => this.act(verb, name, sure), { look: `.small${look}`, "aria-label": `${words} ${name}` }) : null;
    return el("p.row", {},
      runs ? null : act("start", "Start", ".primary"),
      act("restart", "Restart"),
      runs ? act("stop", "Stop", ".danger", { title: `Stop “${name}”?`, text: "It stays stopped until somebody starts it." }) : null,
      act("rollback", "Roll back", ".danger", { title: `Roll back the configuration of “${name}”?`, text: "It gets the last configuration that it was ready with." }),
      this.allows("logs") ? button("Log", () => this.logs(name), { look: ".small", "aria-label": `Log of ${name}` }) : null);
  },

  async act(verb, name, sure) {
    if (sure && !(await ask({ title: sure.title, body: el("p", {}, sure.text), yes: { stop: "Stop", rollback: "Roll back" }[verb], danger: true }))) return;
    tell(`${{ start: "Starting", stop: "Stopping", restart: "Restarting", rollback: "Rolling back" }[verb]} ${name}…`);
    // A gateway may take minutes until it is ready.
    await wire.call(`fleet.${verb}`, { name }, 360_000);
    await this.refresh();
  },

  async logs(name) {
    const { lines = [] } = await wire.call("fleet.logs", { name, lines: 200 });
    const text = el("pre.result", { tabindex: "0" }, lines.map((line) => (typeof line === "string" ? line : line.text ?? JSON.stringify(line))).join("\n") || "Nothing was written.");
    const close = el("button", { type: "submit" }, "Close");
    const dialog = el("dialog.broad", { "aria-label": `Log of ${name}`, onclose: () => dialog.remove() }, el("form", { method: "dialog" }, el("h2", {}, `Log of ${name}`), text, el("p.row.end", {}, close)));
    document.body.append(dialog);
    dialog.showModal();
    text.scrollTop = text.scrollHeight;
    close.focus();
  },

  conflict({ code, severity, message: words, remedy, profile, port }) {
    return el(`li.card.conflict.${severity === "error" ? "bad" : "warn"}`, {},
      el("div.head", {}, el("h3", {}, words ?? code), pill(severity === "error" ? "failed" : "starting", severity ?? "warning")),
      facts([["Profile", profile], ["Port", port], ["Code", code]]), remedy ? copyable(remedy) : null);
  },

  /** Without its supervisor nothing of it is known. */
  failed(error) {
    this.wrong.textContent = error.message;
    this.wrong.hidden = false;
    keyed(this.list, [], () => null, () => null);
    this.summary.textContent = "";
  },

  event(name, payload) {
    if (name.startsWith("fleet.")) later(this);
    if (name === "fleet.alert") tell(`${payload.profile}: ${payload.message ?? payload.event}`, payload.event === "recovered" ? "plain" : "bad");
  },
};

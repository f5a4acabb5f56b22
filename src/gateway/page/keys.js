// The page by keyboard. Single keys count only where nothing is being typed, and can be switched off.

function listenToKeys() {
  byId("ask-keys").addEventListener("click", showKeys);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return escape(event);
    if (event.ctrlKey || event.metaKey || event.altKey || byId("app").hidden || !keeper.loneKeys) return;
    if (event.target.closest("input,textarea,select,[contenteditable]")) return;
    if (pressed(event.key)) event.preventDefault();
  });
}

/** Esc stops an answer; without one it leaves the field. */
function escape(event) {
  if (sessions.panel?.classList.contains("shown")) sessions.toggle(false);
  else if (shown?.escape?.()) event.preventDefault();
  else document.activeElement?.blur?.();
}

/** Does what the key stands for; tells whether it stands for anything. */
function pressed(key) {
  const led = pressed.led && Date.now() - pressed.led < 1500;
  pressed.led = !led && key === "g" ? Date.now() : 0;
  if (pressed.led) return true;
  if (led) {
    const view = VIEWS.find(({ letter, needs }) => letter === key && can(needs));
    if (view) location.hash = view.id;
    return Boolean(view);
  }
  if (key === "?") showKeys();
  else if (shown?.keys?.[key]) shown.keys[key]();
  else return false;
  return true;
}

function showKeys() {
  const rows = [
    ["?", "These shortcuts"],
    ...VIEWS.filter(({ needs }) => can(needs)).map(({ letter, title }) => [`g ${letter}`, title]),
    ...(can("chat.send") ? [["/", "Write a message, or filter the log"], ["Enter", "Send"], ["Shift Enter", "New line"]] : []),
    ...(can("chat.abort") ? [["Esc", "Stop the answer"]] : []),
    ...(can("sessions.create") ? [["n", "New session (in the chat)"]] : []),
    ...(can("logs.tail") ? [["f", "Follow the log (in the log)"]] : []),
  ];
  const lone = el("input", { type: "checkbox", id: "lone-keys", checked: keeper.loneKeys, onchange: () => (keeper.loneKeys = lone.checked) });
  const close = el("button.primary", { type: "submit" }, "Close");
  const dialog = el("dialog", { "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    el("form", { method: "dialog" }, el("h2", { id: "keys-title" }, "Keyboard"),
      el("dl.keys", {}, rows.map(([keys, words]) => el("div", {}, el("dt", {}, keys.split(" ").map((one) => el("kbd", {}, one))), el("dd", {}, words)))),
      el("p.check", {}, lone, el("label", { for: "lone-keys" }, "Single keys are shortcuts")), el("p.row.end", {}, close)));
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

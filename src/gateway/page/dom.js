// Elements without one string of HTML: what comes from a gateway can only ever become text.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "selected", "textContent", "htmlFor"]);

/** An element: `tag.class.class`, its properties and attributes (`on…` listens), its children. */
function el(name, props = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (PROPERTIES.has(key)) node[key] = value;
    else if (value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  const present = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  node.append(...present);
  return node;
}

/** One of the page's own drawings. */
function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** The element of the document with that id. */
const byId = (id) => document.getElementById(id);

/** A button that says what it does; while its work is under way it cannot be pressed again. */
function button(label, work, props = {}) {
  const { look = "", drawing, ...rest } = props;
  const node = el(`button${look}`, { type: "button", ...rest }, drawing ? icon(drawing) : null, drawing && rest["aria-label"] ? null : label);
  node.addEventListener("click", async () => {
    if (node.getAttribute("aria-disabled") === "true") return;
    node.setAttribute("aria-disabled", "true");
    try {
      await work(node);
    } catch (error) {
      tell(error, "bad");
    } finally {
      node.removeAttribute("aria-disabled");
    }
  });
  return node;
}

/** Makes the children of `box` those of `items`; what did not change stays, with its focus. */
function keyed(box, items, keyOf, make) {
  const before = new Map([...box.children].map((node) => [node.keyedBy, node]));
  const wanted = items.map((item) => {
    const [key, text] = [keyOf(item), JSON.stringify(item)];
    const old = before.get(key);
    if (old && old.keyedText === text) return old;
    const node = make(item);
    node.keyedBy = key;
    node.keyedText = text;
    if (old) heir(old, node);
    return node;
  });
  const held = document.activeElement;
  wanted.forEach((node, at) => {
    if (box.children[at] !== node) box.insertBefore(node, box.children[at] ?? null);
  });
  while (box.children.length > wanted.length) box.lastElementChild.remove();
  if (held?.isConnected === false && held.inheritedBy?.isConnected) held.inheritedBy.focus();
}

/** What stands in the place of `old` takes over what was opened there and where the focus was. */
function heir(old, node) {
  const opened = [...old.querySelectorAll("details")].map((part) => part.open);
  [...node.querySelectorAll("details")].forEach((part, at) => (part.open = opened[at] ?? part.open));
  const held = document.activeElement;
  if (!old.contains(held)) return;
  const same = [...old.querySelectorAll("button,input,select,textarea,summary,a")].indexOf(held);
  const next = [...node.querySelectorAll("button,input,select,textarea,summary,a")][same];
  if (next) held.inheritedBy = next;
}

/** A short message that goes by itself; a failure stays longer. */
function tell(what, kind = "plain") {
  const text = what instanceof Error ? what.message : String(what);
  const note = el(`p.note.${kind}`, {}, text, el("button.quiet", { type: "button", "aria-label": "Dismiss", onclick: () => note.remove() }, "×"));
  byId("notes").append(note);
  while (byId("notes").children.length > 3) byId("notes").firstElementChild.remove();
  setTimeout(() => note.remove(), kind === "bad" ? 12000 : 5000);
}

/** Says something to those who do not see the page. */
function announce(text) {
  byId("announce").textContent = text;
}

/** A dialog with a question; gives what `read` makes of it, or nothing where it was cancelled. */
function ask({ title, body = [], yes, danger = false, read = () => true }) {
  return new Promise((done) => {
    const confirm = el(`button${danger ? ".danger" : ".primary"}`, { type: "submit", value: "yes" }, yes);
    const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const form = el("form", { method: "dialog" }, el("h2", { id: "asked" }, title), body, el("p.row.end", {}, cancel, confirm));
    const dialog = el("dialog", { "aria-labelledby": "asked" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes" ? read(form) : undefined);
    });
    document.body.append(dialog);
    dialog.showModal();
    // The safe answer is the one at hand, unless there is something to type.
    (form.querySelector("input,textarea,select") ?? (danger ? cancel : confirm)).focus();
  });
}

/** A labelled field. */
function field(label, input, hint) {
  const id = input.id || `f${(field.count = (field.count ?? 0) + 1)}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return el("div.field", {}, el("label", { for: id }, label), input, hint ? el("p.hint", { id: `${id}-hint` }, hint) : null);
}

/** Text that can be copied by one press. */
function copyable(text) {
  return el("div.copyable", {}, el("code", {}, text), button("Copy", () => copy(text), { look: ".small" }));
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  tell("Copied");
}

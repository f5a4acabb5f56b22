// The part of Markdown that agents write, as elements: whatever is none of it stays the text that it is.

const LINK = /^(https?:|mailto:)/i;
const BULLET = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const FENCE = /^\s{0,3}(```+|~~~+)\s*([\w+#.-]*)\s*$/;
const INLINE = /(`+)([\s\S]+?)\1(?!`)|\*\*(?=\S)([\s\S]+?)\*\*|__(?=\S)([\s\S]+?)__|~~(?=\S)([\s\S]+?)~~|\*(?=\S)([^*\n]+?)\*|\b_(?=\S)([^_\n]+?)_\b|!?\[([^\]\n]*)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])/;

/** Writes `text` into `box`. Blocks that are there already stay, so that a growing answer does not flicker. */
function writeMarkdown(box, text) {
  const parts = blocks(text);
  parts.forEach((part, at) => {
    const source = part.join("\n");
    const old = box.children[at];
    if (old?.writtenFrom === source) return;
    const node = block(part);
    node.writtenFrom = source;
    if (old) old.replaceWith(node);
    else box.append(node);
  });
  while (box.children.length > parts.length) box.lastElementChild.remove();
}

/** The text in blocks of lines: a fence, a list, a quote, a table, a heading or a paragraph. */
function blocks(text) {
  const found = [];
  let kind = null;
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    const fence = FENCE.exec(line);
    if (kind === "fence") {
      found.at(-1).push(line);
      if (fence && !fence[2] && fence[1].startsWith(found.at(-1)[0].trim().match(/^(`+|~+)/)[0])) kind = null;
      continue;
    }
    const next = fence ? "fence" : kindOf(line, kind);
    if (next === null) kind = null;
    else if (next === kind && next !== "heading" && next !== "rule") found.at(-1).push(line);
    else found.push([line]);
    kind = next;
  }
  return found;
}

function kindOf(line, before) {
  if (line.trim() === "") return null;
  if (/^#{1,6}\s/.test(line)) return "heading";
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return "rule";
  if (/^\s*>/.test(line)) return "quote";
  if (/^\s*\|.*\|\s*$/.test(line)) return "table";
  if (BULLET.test(line) || (before === "list" && /^\s{2,}\S/.test(line))) return "list";
  return "text";
}

function block(lines) {
  const first = lines[0];
  if (FENCE.test(first)) return code(lines);
  switch (kindOf(first, null)) {
    case "heading": {
      const [, marks, words] = /^(#{1,6})\s+(.*?)\s*#*$/.exec(first) ?? [null, "#", first];
      // The page's own headings stand above those of an answer.
      return el(`h${Math.min(marks.length + 2, 6)}`, {}, inline(words));
    }
    case "rule": return el("hr");
    case "quote": {
      const quote = el("blockquote");
      writeMarkdown(quote, lines.map((line) => line.replace(/^\s*>\s?/, "")).join("\n"));
      return quote;
    }
    case "table": return table(lines);
    case "list": return list(lines);
    default: return el("p", {}, lines.flatMap((line, at) => (at > 0 ? [el("br"), inline(line)] : [inline(line)])));
  }
}

function code(lines) {
  const closed = lines.length > 1 && FENCE.test(lines.at(-1));
  const text = lines.slice(1, closed ? -1 : undefined).join("\n");
  const language = FENCE.exec(lines[0])[2];
  const head = el("div.code-head", {}, el("span", {}, language || "text"), button("Copy", () => copy(text), { look: ".small.quiet" }));
  return el("div.code", {}, head, el("pre", { tabindex: "0" }, el("code", {}, text)));
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const ruled = lines.length > 1 && cells(lines[1]).every((cell) => /^:?-+:?$/.test(cell));
  const [head, rows] = ruled ? [lines[0], lines.slice(2)] : [null, lines];
  const row = (line, tag) => el("tr", {}, cells(line).map((cell) => el(tag, {}, inline(cell))));
  return el("div.scroll", { tabindex: "0" }, el("table", {}, head ? el("thead", {}, row(head, "th")) : null, el("tbody", {}, rows.map((line) => row(line, "td")))));
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    const [, indent, mark, words] = BULLET.exec(line) ?? [];
    const depth = indent?.length ?? 0;
    if (mark === undefined || (items.length > 0 && depth > items[0].depth + 1)) items.at(-1)?.rest.push(line.slice((items[0]?.depth ?? 0) + 2));
    else items.push({ depth, mark, words, rest: [] });
  }
  const ordered = /\d/.test(items[0].mark);
  const start = ordered ? Number.parseInt(items[0].mark, 10) : undefined;
  return el(ordered ? "ol" : "ul", { start: start === 1 ? undefined : start }, items.map(({ words, rest }) => {
    const item = el("li", {}, inline(words));
    if (rest.length > 0) {
      const inner = el("div");
      writeMarkdown(inner, rest.join("\n"));
      item.append(...inner.childNodes);
    }
    return item;
  }));
}

/** Emphasis, code and links within a line. */
function inline(text) {
  const nodes = [];
  let rest = text;
  // What is found gets shorter each time, so this ends.
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index > 0) nodes.push(rest.slice(0, found.index));
    nodes.push(mark(found));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) nodes.push(rest);
  return nodes;
}

function mark([whole, , verbatim, strong, strongToo, struck, soft, softToo, label, target, address]) {
  if (verbatim !== undefined) return el("code", {}, verbatim);
  if (strong ?? strongToo) return el("strong", {}, inline(strong ?? strongToo));
  if (struck) return el("del", {}, inline(struck));
  if (soft ?? softToo) return el("em", {}, inline(soft ?? softToo));
  const to = target ?? address;
  // A script or a file is no place to be led to; pictures are not fetched either, they become links.
  if (!LINK.test(to)) return whole;
  return el("a", { href: to, rel: "noreferrer noopener", target: "_blank" }, label || to);
}

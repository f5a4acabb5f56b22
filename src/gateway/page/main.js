// The page as a whole: comes in, shows what this gateway has and what one may, and nothing else.

const VIEWS = [chat, approvals, fleet, nodes, devices, log];

/** Rights that calls need, by the beginning of their names; the longest that fits counts. */
const RIGHTS = {
  "": "operator.read", "chat.send": "operator.write", "chat.abort": "operator.write", "sessions.create": "operator.write", "sessions.patch": "operator.write", "sessions.delete": "operator.admin",
  "node.invoke": "operator.write", "node.pair.": "operator.pairing", "node.rename": "operator.pairing", "device.": "operator.pairing", "exec.approval.": "operator.approvals",
  "fleet.start": "operator.admin", "fleet.stop": "operator.admin", "fleet.restart": "operator.admin", "fleet.rollback": "operator.admin",
};
const COVERS = { "operator.admin": /./, "operator.write": /^operator\.(write|read)$/ };

let wire;
let browser;
let shown = null;
let remembered = false;
let narrowed;
let offered = null;

/** Whether the gateway has the method and this sign-in has the right to it. */
function can(method) {
  const { features, auth } = wire.hello ?? offered ?? {};
  const fits = Object.keys(RIGHTS).filter((prefix) => method.startsWith(prefix)).toSorted((a, b) => b.length - a.length)[0];
  const right = RIGHTS[fits];
  return Boolean(features?.methods.includes(method)) && (auth?.scopes ?? []).some((scope) => scope === right || COVERS[scope]?.test(right));
}

/** The part of the address behind a view's name. */
function wanted(id) {
  const [view, ...rest] = location.hash.slice(1).split("/");
  if (view !== id || rest.length === 0) return null;
  try {
    return decodeURIComponent(rest.join("/"));
  } catch {
    return null;
  }
}

/** Puts a place of the page into its address. */
function go(place) {
  if (location.hash.slice(1) !== place) history.pushState(null, "", `#${place}`);
}

function show(view) {
  if (shown !== view) {
    shown = view;
    byId("main").className = `view-${view.id}`;
    byId("main").replaceChildren(...(view.parts ??= view.make()));
    [...byId("nav").children].forEach((link) => (link.view === view ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
    document.title = `${view.title} · OpenClaw`;
  }
  refresh(view);
}

/** Fetches anew what a view shows. */
function refresh(view) {
  view.refresh().catch((error) => {
    if (error.code !== "OFFLINE") (view.failed ?? ((why) => tell(why, "bad"))).call(view, error);
  });
}

function route() {
  const here = VIEWS.filter((view) => can(view.needs));
  const view = here.find(({ id }) => id === location.hash.slice(1).split("/")[0]) ?? here[0];
  if (!view) return byId("main").replaceChildren(el("div.sheet", {}, el("h1", {}, "Nothing to show"), el("p", {}, "This sign-in has no right to anything that this page shows.")));
  const session = view === chat ? wanted("chat") : null;
  if (shown === view && session && session !== chat.key) return chat.choose(session).catch((error) => tell(error, "bad"));
  if (shown !== view) show(view);
}

function navigation() {
  const here = VIEWS.filter((view) => can(view.needs));
  byId("nav").replaceChildren(...here.map((view) => {
    const link = el("a", { href: `#${view.id}`, title: `${view.title} (g ${view.letter})` }, icon(view.drawing), el("span", {}, view.title));
    link.view = view;
    return link;
  }));
}

/** The gateway let the page in, for the first time or again. */
function welcomed(hello) {
  const token = hello.auth?.deviceToken;
  if (token) {
    // From here on the device speaks for itself: the shared secret is kept nowhere.
    keeper.keep({ deviceToken: token }, remembered, narrowed);
    wire.renew({ deviceToken: token });
  } else if (wire.given) {
    keeper.keep(wire.given, remembered, narrowed);
  }
  wire.given = null;
  pairing.request = null;
  const changed = JSON.stringify([offered?.features?.methods, offered?.auth?.scopes]) !== JSON.stringify([hello.features?.methods, hello.auth?.scopes]);
  offered = hello;
  gate.hide();
  if (changed) {
    shown = null;
    for (const view of VIEWS) view.parts = undefined;
    navigation();
  }
  const { version } = hello.server ?? {};
  byId("place").textContent = location.host;
  byId("link").title = version ? `Gateway ${version}, up ${span(hello.snapshot?.uptimeMs ?? 0)}` : "";
  if (shown) show(shown);
  else route();
}

function refused(verdict) {
  if (verdict.kind === "withdrawn" || verdict.kind === "wrong") keeper.forget();
  const kept = keeper.load();
  const again = () => wire.open(wire.given ?? kept?.auth ?? {}, kept?.scopes);
  gate.show(verdict, {
    enter: (auth, remember) => {
      remembered = remember;
      wire.given = auth;
      wire.open(auth);
    },
    again,
    narrow: (scopes) => {
      narrowed = scopes;
      wire.open(wire.given ?? kept?.auth ?? {}, scopes);
    },
  });
}

/** The connection's state, always at the same place and of the same size. */
function linkState({ phase, why, until }) {
  const words = { connecting: "Connecting…", open: "Connected", refused: "Signed out", waiting: "Offline" }[phase];
  byId("link").className = `link-${phase}`;
  byId("link-words").textContent = words;
  clearInterval(linkState.timer);
  if (phase === "waiting") {
    const count = () => (byId("link-words").textContent = `Offline, again in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`);
    count();
    linkState.timer = setInterval(count, 1000);
    if (byId("app").hidden) gate.fill([el("h1", {}, "No connection"), el("p", { role: "alert" }, why), el("p.muted", {}, "The page goes on trying."), el("p.row", {}, button("Try now", () => wire.hurry()))]);
    else if (!linkState.lost) tell(why, "bad");
    linkState.lost = true;
  } else if (phase === "open") {
    if (linkState.lost) announce("Connected again");
    linkState.lost = false;
  }
}

async function leave() {
  const sure = await ask({ title: "Sign out?", body: el("p", {}, "This browser forgets its sign-in."), yes: "Sign out" });
  if (!sure) return;
  wire.close();
  keeper.forget();
  history.replaceState(null, "", location.pathname);
  location.reload();
}

async function begin() {
  // A secret in the address would stay in histories; it is not read, only taken out of sight.
  if (/(token|password)=/i.test(location.hash + location.search)) {
    history.replaceState(null, "", location.pathname);
    tell("A token in the address is not used. Type or paste it here.", "bad");
  }
  const hindered = hindrance();
  if (hindered) return gate.fill(hindered);
  try {
    browser = await identity();
  } catch (error) {
    return gate.fill([el("h1", {}, "This browser cannot make a key"), el("p", {}, `It has to know Ed25519 and to keep keys, as all current browsers do outside private windows: ${error.message}`)]);
  }
  wire = new Wire(browser, {
    state: linkState,
    hello: welcomed,
    refused,
    event: (name, payload) => {
      VIEWS.forEach((view) => view.parts && view.event?.(name, payload));
      heardOfApproval(name, payload);
    },
    gap: () => shown && show(shown),
  });
  const kept = keeper.load();
  remembered = kept?.remember ?? false;
  narrowed = kept?.scopes;
  wire.given = kept && !kept.auth.deviceToken ? kept.auth : null;
  addEventListener("hashchange", route);
  addEventListener("popstate", route);
  byId("leave").addEventListener("click", leave);
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  listenToKeys();
  wire.open(kept?.auth ?? {}, narrowed);
}

begin();

// Before the gateway lets the page in: signing in, waiting for an approval, and what stands in the way of either.

const PAIRING_LOOK_MS = 4000;
/** How long a gateway keeps a request. */
const PAIRING_MS = 300_000;

const gate = {
  /** `enter` is given a credential and whether to remember it; `narrow` the scopes that were approved. */
  show(verdict, { enter, again, narrow }) {
    // What is on the screen already stays, with the focus in it.
    if (verdict.kind === "pairing" && pairing.request === verdict.requestId && Date.now() < pairing.until && byId("gate").querySelector(".waiting")) {
      gate.waiting = setTimeout(again, PAIRING_LOOK_MS);
      return;
    }
    const parts = {
      ask: () => signIn(verdict, enter),
      wrong: () => signIn(verdict, enter),
      withdrawn: () => signIn({ ...verdict, secret: "token" }, enter),
      pairing: () => pairing(verdict, again, narrow),
    }[verdict.kind] ?? (() => stopped(verdict, again));
    gate.fill(parts());
  },

  fill(parts) {
    const box = byId("gate");
    byId("app").hidden = true;
    box.hidden = false;
    clearTimeout(gate.waiting);
    box.replaceChildren(el("div.card", {}, el("p.brand", {}, icon("claw"), el("span", {}, "OpenClaw")), parts));
    (box.querySelector("input") ?? box).focus();
  },

  hide() {
    clearTimeout(gate.waiting);
    byId("gate").hidden = true;
    byId("gate").replaceChildren();
    byId("app").hidden = false;
  },
};

function signIn({ kind, title, text, secret = "token" }, enter) {
  const word = secret === "password" ? "password" : "token";
  const input = el("input", { type: "password", id: "secret", name: "secret", required: true, autocomplete: "current-password", spellcheck: "false", autocapitalize: "off", "aria-invalid": kind === "wrong" });
  const remember = el("input", { type: "checkbox", id: "remember" });
  const submit = el("button.primary", { type: "submit" }, "Sign in");
  const form = el("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const typed = input.value.trim();
      if (!typed) return;
      input.value = "";
      submit.disabled = true;
      submit.textContent = "Signing in…";
      enter({ [word]: typed }, remember.checked);
    },
  },
  field(word === "password" ? "Password" : "Token", input, kind === "ask" ? `The gateway's ${word}; it stands in its configuration as gateway.auth.${word}.` : undefined),
  el("p.check", {}, remember, el("label", { for: "remember" }, "Stay signed in on this browser")),
  submit);
  const wrong = kind === "wrong" || kind === "withdrawn";
  return [el("h1", {}, wrong ? title : "Sign in to the gateway"), wrong ? el("p.verdict", { role: "alert" }, text) : null, form];
}

function pairing({ title, text, requestId, approvedScopes, command }, again, narrow) {
  // A request is kept for five minutes; after that somebody should ask anew on purpose.
  const until = pairing.request === requestId ? pairing.until : Date.now() + PAIRING_MS;
  Object.assign(pairing, { request: requestId, until });
  const waits = Date.now() < until;
  if (waits) setTimeout(() => (gate.waiting = setTimeout(again, PAIRING_LOOK_MS)));
  return [
    el("h1", {}, title),
    el("p", {}, text),
    copyable(command),
    requestId ? el("p.muted", {}, "Request ", el("code", {}, requestId)) : null,
    el("p.waiting", { role: "status" }, waits ? [el("span.dot.busy", { "aria-hidden": "true" }), "Waiting for the approval; this page goes on by itself."] : "Nobody has approved it so far."),
    el("p.row", {}, button("Try again", again), approvedScopes?.length ? button("Go on with what was approved", () => narrow(approvedScopes), { look: ".primary" }) : null),
  ];
}

function stopped({ title, text, command }, again) {
  return [el("h1", {}, title), el("p.verdict", { role: "alert" }, text), command ? copyable(command) : null, again ? el("p.row", {}, button("Try again", again)) : null];
}

/** Why no key can be made here, if none can. */
function hindrance() {
  if (globalThis.isSecureContext && crypto.subtle) return null;
  return [
    el("h1", {}, "This address is not safe enough"),
    el("p", {}, "The page proves who it is by a key, and a browser makes keys only where nobody can listen in: on localhost, or over HTTPS. This page came by plain HTTP from another machine."),
    el("p", {}, "Any of these helps:"),
    el("ul", {},
      el("li", {}, "Switch on TLS for the gateway, and open it with https."),
      el("li", {}, "Show the gateway to your tailnet (gateway.tailscale.mode serve)."),
      el("li", {}, "Add it as a remote profile over SSH, and open its end on this machine:", copyable("openclaw --profile NAME dashboard"))),
  ];
}

// What the browser keeps: the sign-in of this tab, or of this browser where its user wants that. A credential stands in
// no address, no attribute and no cookie.

const SIGN_IN = "openclaw.signIn";
const LONE_KEYS = "openclaw.singleKeys";

const keeper = {
  /** What was kept: a device token, or the shared secret of a gateway that gives none. */
  load() {
    return this.stores().map((store) => this.read(store)).find((kept) => kept) ?? null;
  },

  /** Keeps it for this tab, or, with `remember`, until it is signed out; `scopes` where fewer than usual were approved. */
  keep(auth, remember, scopes) {
    this.forget();
    try {
      (remember ? localStorage : sessionStorage).setItem(SIGN_IN, JSON.stringify({ auth, remember, scopes }));
    } catch {
      // A browser that keeps nothing asks again after a reload.
    }
  },

  forget() {
    for (const store of this.stores()) store.removeItem(SIGN_IN);
  },

  /** Whether single keys are shortcuts. */
  get loneKeys() {
    return this.stores().every((store) => store.getItem(LONE_KEYS) !== "off");
  },

  set loneKeys(on) {
    for (const store of this.stores().slice(-1)) store.setItem(LONE_KEYS, on ? "on" : "off");
  },

  stores() {
    try {
      return [sessionStorage, localStorage];
    } catch {
      return [];
    }
  },

  read(store) {
    try {
      const kept = JSON.parse(store.getItem(SIGN_IN));
      return kept && typeof kept.auth === "object" ? kept : null;
    } catch {
      return null;
    }
  },
};

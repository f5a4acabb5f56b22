// The Gateway protocol over one WebSocket to this page's own gateway: connect, calls, events, and back again after a
// break. Which gateway that is follows from where the page came from, and from nothing in its address.

const SCOPES = ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions", "operator.pairing"];
const CLIENT = { id: "openclaw-control-ui", displayName: browserName(), version: "1", platform: "web", mode: "ui" };
const CALL_MS = 30_000;
const GREETING_MS = 15_000;
const WAIT_MIN_MS = 1000;
const WAIT_MAX_MS = 30_000;

/** A call that failed; `code` and `details` are the gateway's. */
class CallError extends Error {
  constructor({ message, code, details, retryAfterMs, retryable }) {
    super(message || "The gateway did not say why.");
    Object.assign(this, { code, details, retryAfterMs, retryable });
  }
}

class Wire {
  #identity;
  #told;
  #socket = null;
  #auth = {};
  #scopes = SCOPES;
  #calls = new Map();
  #count = 0;
  #failures = 0;
  #seq = 0;
  #heardAt = 0;
  #timers = {};
  #hint = null;

  /** `told` hears `state`, `hello`, `refused`, `event` and `gap`. */
  constructor(identity, told) {
    this.#identity = identity;
    this.#told = told;
    this.hello = null;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  /** Connects, and stays connected until told otherwise. */
  open(auth, scopes = SCOPES) {
    this.close();
    Object.assign(this, { hello: null });
    [this.#auth, this.#scopes, this.#failures, this.#hint] = [auth, scopes, 0, null];
    this.#dial();
  }

  /** Takes another credential for the next connects. */
  renew(auth) {
    this.#auth = auth;
  }

  close() {
    this.#stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#drop("The page has signed out.");
  }

  /** Does not wait any longer before the next attempt. */
  hurry() {
    if (!this.#timers.wait) return;
    this.#stop();
    this.#dial();
  }

  /** Whether the gateway answers now. */
  get isOpen() {
    return this.hello !== null && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The answer to a call; a failure is a {@link CallError}. */
  call(method, params = {}, limit = CALL_MS) {
    if (!this.isOpen) return Promise.reject(new CallError({ code: "OFFLINE", message: "There is no connection to the gateway just now." }));
    return this.#send(method, params, limit);
  }

  #send(method, params, limit) {
    this.#count += 1;
    const id = `page-${this.#count}`;
    return new Promise((done, fail) => {
      const late = () => {
        this.#calls.delete(id);
        fail(new CallError({ code: "TIMEOUT", message: `The gateway has not answered ${method} within ${span(limit)}.` }));
      };
      this.#calls.set(id, { done, fail, timer: setTimeout(late, limit) });
      this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  #dial() {
    this.#told.state({ phase: "connecting" });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${location.pathname}`);
    this.#socket = socket;
    this.#timers.greeting = setTimeout(() => socket.close(4000, "no greeting"), GREETING_MS);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#hear(data);
    socket.onclose = ({ code, reason }) => this.#socket === socket && this.#ended(code, reason);
  }

  #hear(data) {
    this.#heardAt = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "res") this.#answered(frame);
    else if (frame.event === "connect.challenge") this.#greet(frame.payload);
    else if (frame.type === "event") this.#happened(frame);
  }

  #answered({ id, ok, payload, error }) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    if (ok) call.done(payload);
    else call.fail(new CallError(error ?? {}));
  }

  #happened({ event, payload, seq }) {
    if (Number.isInteger(seq)) {
      const missed = this.#seq > 0 && seq > this.#seq + 1;
      this.#seq = seq;
      if (missed) this.#told.gap();
    }
    this.#told.event(event, payload ?? {});
  }

  async #greet({ nonce, ts }) {
    const socket = this.#socket;
    const [auth, scopes, role] = [this.#auth, this.#scopes, "operator"];
    try {
      const device = await this.#identity.prove({ client: CLIENT, role, scopes, auth, nonce, signedAt: ts });
      if (this.#socket !== socket || socket.readyState !== WebSocket.OPEN) return;
      const params = { minProtocol: 4, maxProtocol: 4, client: CLIENT, caps: ["tool-events"], role, scopes, device, locale: navigator.language };
      const hello = await this.#send("connect", Object.keys(auth).length > 0 ? { ...params, auth } : params, GREETING_MS);
      this.#welcomed(hello);
    } catch (error) {
      if (this.#socket === socket) this.#refused(error);
    }
  }

  #welcomed(hello) {
    clearTimeout(this.#timers.greeting);
    [this.hello, this.#failures, this.#seq, this.#hint] = [hello, 0, 0, null];
    const tick = hello.policy?.tickIntervalMs ?? 30_000;
    const socket = this.#socket;
    this.#timers.tick = setInterval(() => {
      if (Date.now() - this.#heardAt > 2 * tick) socket.close(4000, "tick timeout");
    }, tick / 2);
    this.#told.state({ phase: "open" });
    this.#told.hello(hello);
  }

  #refused(error) {
    const verdict = judge(error);
    this.#hint = error.retryAfterMs ?? null;
    // What time alone mends is tried again by the close that follows.
    if (verdict.kind === "later" || error.code === "OFFLINE" || error.code === "TIMEOUT") return;
    const socket = this.#socket;
    this.#socket = null;
    this.#stop();
    socket?.close(1000);
    this.#told.state({ phase: "refused" });
    this.#told.refused(verdict);
  }

  #ended(code, reason) {
    this.#stop();
    this.#socket = null;
    this.hello = null;
    const why = closeWords(code, reason);
    this.#drop(why);
    const grown = Math.min(WAIT_MIN_MS * 2 ** this.#failures, WAIT_MAX_MS);
    // Pages that lost the same gateway shall not come back in one instant.
    const wait = this.#hint ?? grown * (0.8 + 0.4 * Math.random());
    this.#hint = null;
    this.#failures += 1;
    this.#timers.wait = setTimeout(() => {
      this.#timers.wait = null;
      this.#dial();
    }, wait);
    this.#told.state({ phase: "waiting", why, until: Date.now() + wait });
  }

  #drop(why) {
    for (const call of this.#calls.values()) {
      clearTimeout(call.timer);
      call.fail(new CallError({ code: "OFFLINE", message: why }));
    }
    this.#calls.clear();
  }

  #stop() {
    clearTimeout(this.#timers.greeting);
    clearTimeout(this.#timers.wait);
    clearInterval(this.#timers.tick);
    this.#timers = {};
  }
}

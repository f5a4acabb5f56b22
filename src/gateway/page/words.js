// What went wrong, for people: the gateway's codes, and what to do next.

/** What a close of the connection means. */
function closeWords(code, reason) {
  switch (code) {
    case 1000: return "The gateway ended the connection.";
    case 1002: return "The gateway speaks another version of the protocol. Reload the page.";
    case 1008: return reason ? `The gateway ended the connection: ${reason}.` : "The gateway ended the connection.";
    case 1009: return "A message was too large for the gateway.";
    case 1012: return "The gateway is stopping or restarting.";
    case 1013: return "The gateway is just starting.";
    case 4000: return "The gateway has been silent for too long.";
    case 4001: return "The gateway's credentials have changed.";
    default: return "The gateway cannot be reached.";
  }
}

/**
 * What a refused `connect` means. `kind` is `ask` (a secret is wanted), `wrong` (it does not fit), `withdrawn` (this
 * browser's own token counts no more), `pairing` (somebody has to approve), `later` (try again by itself) or `stop`.
 */
function judge(error) {
  const details = error.details ?? {};
  const code = details.code ?? error.code;
  const say = (kind, title, text, more = {}) => ({ kind, title, text, code, ...more });
  switch (code) {
    case "AUTH_TOKEN_MISSING":
    case "AUTH_REQUIRED":
    case "DEVICE_IDENTITY_REQUIRED":
      return say("ask", "Sign in", "", { secret: "token" });
    case "AUTH_PASSWORD_MISSING":
      return say("ask", "Sign in", "", { secret: "password" });
    case "AUTH_TOKEN_MISMATCH":
      return say("wrong", "That is not this gateway's token.", "It stands in the gateway's configuration as gateway.auth.token.", { secret: "token" });
    case "AUTH_PASSWORD_MISMATCH":
      return say("wrong", "That is not this gateway's password.", "It stands in the gateway's configuration as gateway.auth.password.", { secret: "password" });
    case "AUTH_DEVICE_TOKEN_MISMATCH":
      return say("withdrawn", "Please sign in again.", "The sign-in of this browser was withdrawn or has been replaced.");
    case "AUTH_RATE_LIMITED":
      return say("wrong", "Too many attempts.", `Try again in ${span(error.retryAfterMs ?? 60_000)}.`);
    case "PAIRING_REQUIRED":
      return pairingWords(details, say);
    case "CONTROL_UI_ORIGIN_NOT_ALLOWED":
      return say("stop", "This address may not be used for the page.", "Open the gateway by localhost, or add this page's origin to gateway.controlUi.allowedOrigins:", { command: location.origin });
    case "DEVICE_AUTH_SIGNATURE_EXPIRED":
      return say("stop", "The clocks differ too much.", "This browser's clock and the gateway's are more than two minutes apart.");
    case "PROTOCOL_MISMATCH":
      return say("stop", "This page is of another version than the gateway.", "Reload the page.");
    default:
  }
  if (error.retryable || error.code === "UNAVAILABLE") return say("later", "The gateway is not ready yet.", error.message);
  return say("stop", "The gateway refused the connection.", error.message ?? "");
}

function pairingWords(details, say) {
  const { requestId, approvedScopes } = details;
  const command = requestId ? `openclaw devices approve ${requestId}` : "openclaw devices list";
  const [title, text] = {
    "scope-upgrade": ["This browser asks for more than it was allowed.", "Somebody who may has to approve the wider rights"],
    "role-upgrade": ["This browser asks for another role.", "Somebody who may has to approve that"],
    "metadata-upgrade": ["This browser has changed.", "Somebody who may has to approve it again"],
  }[details.reason] ?? ["This browser is not known to the gateway yet.", "Somebody who may has to approve it once"];
  const where = ": on another page like this under Devices, or on the gateway's machine with";
  return say("pairing", title, text + where, { requestId, approvedScopes: details.reason === "scope-upgrade" ? approvedScopes : undefined, command });
}

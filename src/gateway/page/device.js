// Who this browser is: an Ed25519 key that can sign and cannot be read, kept in IndexedDB. Its public half names the
// device; a gateway's nonce, signed, proves that it is here.

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** What people call this browser, so that its owner knows it among the devices. */
function browserName() {
  const [, browser = "Browser"] = [[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]].find(([mark]) => mark.test(navigator.userAgent)) ?? [];
  const [, system] = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Mac OS/, "macOS"], [/Windows/, "Windows"], [/Linux/, "Linux"]].find(([mark]) => mark.test(navigator.userAgent)) ?? [];
  return system ? `${browser} on ${system}` : browser;
}

/** Lower case as the gateway writes it: of ASCII letters only. */
const plain = (text = "") => text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function settled(request) {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function keys() {
  const opening = indexedDB.open("openclaw", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
  return settled(opening);
}

/** The key of this browser, made where there is none. Two tabs that make one at once agree on the first. */
async function keyPair() {
  const base = await keys();
  try {
    const look = () => settled(base.transaction("keys").objectStore("keys").get("device"));
    const kept = await look();
    if (kept) return kept;
    const made = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    try {
      await settled(base.transaction("keys", "readwrite").objectStore("keys").add(made, "device"));
    } catch (error) {
      if (error?.name !== "ConstraintError") throw error;
    }
    return (await look()) ?? made;
  } finally {
    base.close();
  }
}

/** This browser's identity: its id, its public key and `prove(…)`, the `device` of a `connect`. */
async function identity() {
  const pair = await keyPair();
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const [id, publicKey] = [hex(await crypto.subtle.digest("SHA-256", raw)), base64url(raw)];
  const prove = async ({ client, role, scopes, auth, nonce, signedAt }) => {
    const secret = auth.token || auth.deviceToken || "";
    const words = ["v3", id, client.id, client.mode, role, scopes.join(","), String(signedAt), secret, nonce, plain(client.platform), plain(client.deviceFamily)];
    const signature = await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, new TextEncoder().encode(words.join("|")));
    return { id, publicKey, signature: base64url(signature), signedAt, nonce };
  };
  return { id, prove };
}

// Times and sizes as people say them.

/** A duration in milliseconds: `45 s`, `3 min`, `2 h 5 min`, `4 d`. */
function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** How long ago a moment was; nothing where it is not known. */
function ago(atMs) {
  if (!Number.isFinite(atMs)) return "";
  const passed = Date.now() - atMs;
  return passed < 10_000 ? "just now" : `${span(passed)} ago`;
}

/** A size in bytes: `830 B`, `12 MiB`. */
function size(bytes) {
  const words = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; bytes >= 1024 && at < words.length - 1; at += 1) bytes /= 1024;
  return `${at === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${words[at]}`;
}

/** A moment as the reader's own clock shows it. */
const clock = (atMs) => new Date(atMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

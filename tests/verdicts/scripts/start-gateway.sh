#!/usr/bin/env bash
set -euo pipefail
: "${OPENCLAW_BIN:=/usr/local/bin/openclaw}"
BIN=${OPENCLAW_BIN:-/usr/local/bin/openclaw}
if pgrep -f gateway >/dev/null; then
  echo "openclaw gateway run is there already" >&2
fi
exec "$BIN" gateway run "$@"

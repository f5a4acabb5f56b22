#!/bin/sh
cat <<EOF
openclaw gateway run
EOF
echo "start it: openclaw gateway run"

#!/bin/sh
# Lint, types, what nothing uses, what is public without a word on it, then all tests, on a fresh clone too. What is given goes to vitest:
#
#   tools/test.sh
#   tools/test.sh test/format
#
# Needs Node.js 20.19 or newer; tools/setup.sh installs (as root) or names what judging images takes.
set -eu

cd "$(dirname "$0")/.."
installed=node_modules/.package-lock.json
if [ ! -e $installed ] || [ package-lock.json -nt $installed ]; then npm ci --no-audit --no-fund; fi
tools/setup.sh
npm run --silent lint
npm run --silent typecheck
npm run --silent knip
npm run --silent docs -- --emit none --logLevel Warn
npm test -- "$@"

#!/bin/bash
# check_install: the installed program is whole: it runs from another folder,
# with nothing of the source tree in reach.

set -euo pipefail

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "${LATENT_BUILD:?}" --prefix "$prefix/in stall" >/dev/null
cd "$prefix"
version=$("$prefix/in stall/bin/latent" version)
case $version in
"latent "[0-9]*) ;;
*)
    echo "latent version: found '$version', wanted 'latent NUMBER...'"
    exit 1
    ;;
esac

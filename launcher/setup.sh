#!/bin/sh
# Makes a fresh clone ready: uv, the Python environment of uv.lock, then Java and jars.
# Quick when nothing has changed since the last time. `make setup` calls it.
set -eu

UV_VERSION=0.13.9
cd "$(dirname "$0")/.."
tools="$PWD/.tools"
stamp=.venv/.headrace-setup

say() { printf '%s\n' "$*" >&2; }

# What the environment is made from. A change of one of these makes it anew.
fingerprint() {
    cat uv.lock pyproject.toml launcher/setup.sh launcher/headrace_launcher/spark/jars.lock | cksum
}

# 0.8 is the oldest uv that was tried with this lock.
is_usable() {
    "$1" --version 2>/dev/null |
        awk -F '[ .]' '$1 == "uv" && ($2 > 0 || $3 >= 8) { fine = 1 } END { exit !fine }'
}

# The system's uv when it is recent, else a pinned one in .tools/.
find_uv() {
    for candidate in "$tools/uv/bin/uv" "$(command -v uv || true)"; do
        if [ -n "$candidate" ] && is_usable "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "Installing uv $UV_VERSION into .tools/ ..."
    python=$(command -v python3 || command -v python) || {
        say "setup: no python3 on PATH. Install Python 3.12 (or 3.11, 3.13), or uv, and try again."
        exit 1
    }
    rm -rf "$tools/uv"
    if "$python" -m venv "$tools/uv" >/dev/null 2>&1; then
        "$tools/uv/bin/python" -m pip install --quiet "uv==$UV_VERSION" >&2
    else # Debian without python3-venv
        rm -rf "$tools/uv"
        "$python" -m pip install --quiet --target "$tools/uv" "uv==$UV_VERSION" >&2 || {
            say "setup: $python has neither venv nor pip. Install uv, or the system's package"
            say "for one of them (Debian, Ubuntu: python3-venv), and try again."
            exit 1
        }
    fi
    printf '%s' "$tools/uv/bin/uv"
}

# 3.12 where there is one, since xgboost is newest there; else 3.13, else 3.11.
find_python() {
    for version in 3.12 3.13 3.11; do
        if found=$("$uv" python find --no-project --no-python-downloads "$version" 2>/dev/null); then
            printf '%s' "$found"
            return
        fi
        for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
            if [ -x "$found" ]; then
                printf '%s' "$found"
                return
            fi
        done
    done
    say "No Python 3.11 to 3.13 here; uv fetches 3.12."
    printf '3.12'
}

if [ ! -x .venv/bin/headrace ] || [ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ]; then
    uv=$(find_uv)
    python=$(find_python)
    say "Python environment: $("$uv" --version), $python"
    "$uv" sync --frozen --all-extras --python "$python"
    fingerprint >"$stamp"
fi
.venv/bin/headrace setup

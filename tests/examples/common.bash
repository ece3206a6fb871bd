# SPDX-License-Identifier: MIT
# Sourced by the tests of the examples. Gives a working folder that is removed at the end, `fail`,
# `same`, `status`, and `finish`. BUILD names the build's folder, LEAT_TEST_FULL=1 asks for the
# large sizes.
set -u
export LC_ALL=C

examples=${BUILD:?BUILD names the folder of the build}/examples
leatsum=$examples/leatsum
slowdown=${LEAT_TEST_SLOWDOWN:-1} # more than 1 under a sanitizer
full=${LEAT_TEST_FULL:-0}
failures=0
# Messages are compared, and a busy machine keeps a worker from its CPU for a tenth of a second.
export LEAT_STALL_MS=$((2000 * slowdown))

work=$(mktemp -d) || exit 1
# A background program that is killed before its exec still is this script, trap and all.
trap '[ $BASHPID -ne $$ ] || { chmod -R u+rwx "$work" 2> /dev/null; rm -rf "$work"; }' EXIT
cd "$work" || exit 1

need()
{
    if [ ! -x "$examples/$1" ]; then
        echo "$1 is not built" >&2
        exit 77
    fi
}

# TSan holds a signal back until the thread that got it calls something that TSan intercepts, which
# the main thread, asleep in a plain system call until the runtime ends, does not.
need_signals()
{
    if grep -q '^LEAT_SANITIZE:.*=thread$' "$BUILD/CMakeCache.txt"; then
        echo "signals are not delivered under TSan" >&2
        exit 77
    fi
}

fail()
{
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# same WHAT EXPECTED ACTUAL: two files are equal, byte by byte.
same()
{
    if ! cmp -s "$2" "$3"; then
        fail "$1"
        diff -a "$2" "$3" | head -n 10 >&2
    fi
}

# status WHAT EXPECTED ACTUAL
status()
{
    [ "$2" -eq "$3" ] || fail "$1: status $3, not $2"
}

# The lists of what sha256sum would print for the files under the given paths.
expected()
{
    find -H "$@" -type f -print0 | sort -z | xargs -0 -r sha256sum
}

finish()
{
    [ "$failures" -eq 0 ] || echo "$failures failures" >&2
    exit $((failures > 0))
}

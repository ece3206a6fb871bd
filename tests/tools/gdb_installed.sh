#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# gdb finds leat's commands by itself with an installed libleat.so, in a live process and in a core
# file, once it trusts the folder; and does not before.
# 77 where there is no gdb, or it may not trace here; under CI that is a failure.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")/../.." && pwd)
failures=0

skip()
{
    echo "$1" >&2
    [ "${CI:-}" != true ] || exit 1
    exit 77
}

grep -q '^LEAT_SWITCH:.*=ucontext$' "${BUILD:?names the folder of the build}/CMakeCache.txt" &&
    { echo "ucontext" >&2; exit 77; }
command -v gdb > /dev/null || skip "gdb is not installed"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

cmake --install "$BUILD" --prefix "$work/there" > install.log 2>&1 || { cat install.log; exit 1; }
library=$(find there -name 'libleat.so' | head -n 1)
folder=$work/${library%/*}
"${CC:-cc}" -g -O1 -D_GNU_SOURCE -I there/include "$here/tests/lib/gdb_target.c" \
    -L "$folder" -lleat -Wl,-rpath,"$folder" -o target || exit 1

# look OUTPUT ARGUMENT...: gdb without anybody's settings, as far as the first `leat tasks`
look()
{
    local output=$1

    shift
    gdb -nx -q -batch -iex 'set debuginfod enabled off' "$@" -ex 'leat tasks' -ex 'leat bt 1' \
        > "$output" 2>&1 < /dev/null
}

shows()
{
    if ! grep -Eq -- "$2" "$1"; then
        echo "FAILED: $1 has no line that matches: $2" >&2
        failures=$((failures + 1))
    fi
}

trust=(-iex "add-auto-load-safe-path $folder")
look live "${trust[@]}" -ex 'break gdb_stop_here' -ex run ./target
grep -Eq 'ptrace: Operation not permitted|Could not trace the inferior' live &&
    skip "gdb may not trace programs here"
look wary -ex 'break gdb_stop_here' -ex run ./target
shows wary 'Undefined command: "leat"'
shows wary 'auto-loading has been declined'

outputs=live
(ulimit -c unlimited && exec ./target abort) > /dev/null 2>&1
for core in core*; do
    [ -s "$core" ] || continue
    look dead "${trust[@]}" ./target "$core"
    outputs="live dead"
done
[ "$outputs" != live ] || echo "no core file here: $(cat /proc/sys/kernel/core_pattern)" >&2

for output in $outputs; do
    shows $output '^task [0-9]+ "napper" \(fn nap\) waits to have slept'
    shows $output '^5 tasks$'
    shows $output '(in )?app \('
done
[ "$failures" -eq 0 ] || { tail -n 40 wary $outputs >&2; exit 1; }

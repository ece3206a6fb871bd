#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# R11: errno and the worker after forced moves (tests/lib/moves.c), by gcc and clang, at -O0, -O2
# and -O3 against the library as built, and by link-time optimisation with the library's sources in
# the same program, where a compiler sees through every accessor.
#
#     BUILD=build/gcc-check tests/tools/moves.sh [--moves N]     N for each build; default 20000
#
# Prints `R11 builds=N moves=N fail=N`. Writes only below $BUILD. 77 where neither compiler is.
set -u
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${BUILD:?BUILD names the folder of the build}/moves
moves=20000
[ "${1:-}" != --moves ] || moves=$2
builds=0 made=0 failed=0

mkdir -p "$work"
cd "$root" || exit 1
uring=$(pkg-config --exists 'liburing >= 2.3' && echo -DLEAT_HAVE_URING=1)
libs="-pthread ${uring:+-luring} -ldl"

# try NAME COMMAND...: build and run.
try()
{
    local name=$1 line

    shift
    if ! "$@" -o "$work/$name" > "$work/$name.log" 2>&1; then
        echo "$name: not built" >&2
        tail -n 20 "$work/$name.log" >&2
        failed=$((failed + 1))
        return
    fi
    builds=$((builds + 1))
    line=$(timeout 600 "$work/$name" "$moves" 2>> "$work/$name.log") || {
        echo "$name: failed: $line $(tail -n 3 "$work/$name.log")" >&2
        failed=$((failed + 1))
    }
    line=${line#moves=}
    made=$((made + ${line%% *}))
}

# The library's sources as the build compiles them, but for one link.
# Not the simulator: that is another library's.
sources=$(find runtime -path runtime/sim -prune -o \( -name '*.c' -o -name '*.S' \) -print)
whole="-std=gnu17 -D_GNU_SOURCE= -Iinclude -Iruntime -ftls-model=initial-exec $uring"

for cc in gcc clang; do
    command -v $cc > /dev/null || continue
    for level in -O0 -O2 -O3; do
        # shellcheck disable=SC2086
        try "$cc$level" $cc $level -g -std=gnu17 -Iinclude tests/lib/moves.c "$BUILD/libleat.a" \
            $libs
    done
    lto=-flto
    [ $cc != gcc ] || lto="-flto=$(nproc)"
    rm -rf "$work/$cc-lto.d" # objects of sources that are there no more
    mkdir -p "$work/$cc-lto.d"
    # shellcheck disable=SC2086
    printf '%s\n' $sources tests/lib/moves.c | xargs -P "$(nproc)" -I{} sh -c "
        $cc -O2 $lto -g $whole -c '{}' -o '$work/$cc-lto.d/'\$(echo '{}' | tr / _).o" \
        > "$work/$cc-lto.objects.log" 2>&1 || cat "$work/$cc-lto.objects.log" >&2
    # shellcheck disable=SC2086
    try "$cc-lto" $cc -O2 $lto -g "$work/$cc-lto.d"/*.o $libs
done
[ "$builds$failed" != 00 ] || exit 77
echo "R11 builds=$builds moves=$made fail=$failed"
[ "$failed" -eq 0 ]

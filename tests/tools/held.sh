#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A pthread mutex that a task holds over a suspension is reported; correct programs hear nothing.
#
#     BUILD=build/gcc-check tests/tools/held.sh
set -u

library=$BUILD/libleat_debug.so
failed=0
if [ ! -e "$library" ]; then
    library= # a debug build has it inside
fi

# run WAY [DEBUG]: what the program says.
run()
{
    LD_PRELOAD=$library LEAT_DEBUG=${2:-1} "$BUILD/tests/held_target" "$1" 2>&1
}

expect()
{
    local said
    said=$(run "$1")
    if ! printf '%s\n' "$said" | grep -q "$2"; then
        printf '%s: expected: %s\ngot: %s\n' "$1" "$2" "$said"
        failed=1
    fi
}

silent()
{
    local said
    said=$(run "$@") || failed=1
    if [ -n "$said" ]; then
        printf '%s: expected nothing, got: %s\n' "$1" "$said"
        failed=1
    fi
}

expect sleeps '"root" (fn [a-z_]*) suspends while it holds pthread mutex 0x.* (locked by sleeps'
expect sleeps '^        sleeps'
expect joins 'suspends while it holds pthread mutex .*(locked by joins'
expect joins '^        joins'
expect joins_in_place 'suspends while it holds pthread mutex .*(locked by joins_in_place'
expect spends 'suspends while it holds pthread mutex .*(locked by spends'
silent correct
silent outside
silent nothing
silent sleeps 0
exit $failed

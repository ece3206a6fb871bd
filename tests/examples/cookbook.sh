#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each recipe of the cookbook prints what cookbook.txt says, on one worker and on two.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.bash"
need 01_run

for LEAT_WORKERS in 1 2; do
    export LEAT_WORKERS
    for source in "$here"/../../examples/[0-9][0-9]_*.c "$here/../../examples/crawl.c"; do
        name=$(basename "$source" .c)
        awk -v name="$name" '/^== / { inside = $2 == name; next } inside' "$here/cookbook.txt" \
            > expected
        [ -s expected ] || fail "$name is not in cookbook.txt"
        timeout $((60 * slowdown)) "$examples/$name" > out 2> errors
        status "$name, $LEAT_WORKERS workers" 0 $?
        same "$name, $LEAT_WORKERS workers" expected out
        same "$name, $LEAT_WORKERS workers: nothing on standard error" /dev/null errors
    done
done
finish

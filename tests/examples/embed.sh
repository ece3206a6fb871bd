#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The program that drives leat from its own poll loop: every line that comes in has its answer,
# whether they come at once or one by one, with both reactors, alone and with workers beside.
. "$(dirname "$0")/common.bash"
need embed

for i in $(seq 200); do
    printf '/\n/no/such/path/%d\n/dev/null\n' "$i"
done > paths.txt
for i in $(seq 200); do
    printf '/: a directory\n/no/such/path/%d: No such file or directory\n' "$i"
    echo '/dev/null: no directory'
done | sort > expected.txt

for LEAT_REACTOR in epoll auto; do
    for LEAT_WORKERS in "" 3; do
        export LEAT_REACTOR LEAT_WORKERS
        what="embed, $LEAT_REACTOR, ${LEAT_WORKERS:-1} workers"
        timeout 60 "$examples/embed" < paths.txt > out
        status "$what" 0 $?
        sort out > sorted
        same "$what" expected.txt sorted
        {
            echo /
            sleep 0.2
            echo /dev/null
        } | timeout 60 "$examples/embed" > out
        status "$what, a line now and then" 0 $?
        printf '/: a directory\n/dev/null: no directory\n' > slow.txt
        same "$what, a line now and then" slow.txt out
    done
done
timeout 60 "$examples/embed" < /dev/null > out
status "embed without input" 0 $?
finish

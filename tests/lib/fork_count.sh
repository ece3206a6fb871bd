#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fork_count.sh PROGRAM MAX: a fork and its join, with the call and the addition of fib around
# them, cost at most MAX instructions. Counted by callgrind, so that the machine's speed and load
# do not matter: the difference between fib(22) and fib(12) leaves start and stop out.
set -eu
program=$1 max=$2

command -v valgrind > /dev/null || { echo "valgrind is not installed"; exit 77; }

count()
{
    LEAT_REACTOR=epoll valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" \
        2>&1 > /dev/null | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

small=$(count 12)
large=$(count 22)
[ -n "$small" ] && [ -n "$large" ] || { echo "callgrind has not run $program"; exit 1; }
# fib(n) forks as often as fib(n + 1) - 1: 28,656 and 232 times.
forks=$((28656 - 232))
tenths=$(((large - small) * 10 / forks))
echo "$((tenths / 10)).$((tenths % 10)) instructions a fork and join, at most $max"
[ "$tenths" -le $((max * 10)) ]

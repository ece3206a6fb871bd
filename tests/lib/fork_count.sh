#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fork_count.sh PROGRAM MAX FENCED: a fork and its join, with the call and the addition of fib
# around them, cost at most MAX instructions; and FENCED, which has a fence in each, costs more and
# would be refused. Counted by callgrind, so that the machine's speed and load do not matter: the
# difference between fib(22) and fib(12) leaves start and stop out.
set -eu
program=$1 max=$2 fenced=$3

command -v valgrind > /dev/null || { echo "valgrind is not installed"; exit 77; }

count()
{
    LEAT_REACTOR=epoll valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" \
        2>&1 > /dev/null | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# Tenths of an instruction. fib(n) forks as often as fib(n + 1) - 1: 28,656 and 232 times.
tenths()
{
    local small large
    small=$(count "$1" 12)
    large=$(count "$1" 22)
    [ -n "$small" ] && [ -n "$large" ] || { echo "callgrind has not run $1" >&2; exit 1; }
    echo $(((large - small) * 10 / (28656 - 232)))
}

counted=$(tenths "$program")
echo "$((counted / 10)).$((counted % 10)) instructions a fork and join, at most $max"
[ "$counted" -lt $((max * 10 + 10)) ]
more=$(tenths "$fenced")
echo "$((more / 10)).$((more % 10)) with a fence in each, which must be more"
[ "$more" -ge $((max * 10 + 10)) ]

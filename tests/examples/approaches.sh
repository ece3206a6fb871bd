#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# approaches prints a row for each way of working, all with the same result.
set -eu
program=$BUILD/examples/approaches
[ -x "$program" ] || exit 77

output=$("$program" 20)
printf '%s\n' "$output"
[ "$(printf '%s\n' "$output" | wc -l)" -eq 6 ]
for row in 'one after the other' tasks 'tasks, computing pool' threads 'tasks, processes'; do
    printf '%s\n' "$output" | grep -q "^$row  *[0-9.]*  *[0-9]*\$" || exit 1
done
if "$program" nonsense 2> /dev/null; then
    exit 1
fi

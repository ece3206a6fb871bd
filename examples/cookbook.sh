#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Puts the numbered examples into README.md, between its two markers, from the files themselves.
#
#     examples/cookbook.sh            # rewrite README.md
#     examples/cookbook.sh --check    # print how it differs; status 1 when it does
set -eu
cd "$(dirname "$0")"

# What stands between the markers.
recipes()
{
    local file name number
    for file in [0-9][0-9]_*.c; do
        name=${file%.c}
        number=${name%%_*}
        name=${name#*_}
        printf '\n### %s. %s\n\n[%s](%s)\n\n```c\n' "$number" "${name//_/ }" "$file" "$file"
        sed '1{/SPDX/d}' "$file"
        printf '```\n'
    done
    echo
}

made=$(mktemp)
trap 'rm -f "$made"' EXIT
{
    sed '/^<!-- cookbook: begin -->$/q' README.md
    recipes
    sed -n '/^<!-- cookbook: end -->$/,$p' README.md
} > "$made"
case ${1:-} in
--check) diff README.md "$made" ;;
*) cat "$made" > README.md ;;
esac

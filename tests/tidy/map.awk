# SPDX-License-Identifier: MIT
# Reads the map in runtime/README.md and prints it in words that includes.awk looks up:
# `room ROOM`, `may ROOM BELOW`, `header FILE ROOM`.
# A room may name only rooms that stand above it in the list, so the map has no cycle.

/^    [a-z]+ <-/ {
    for (i = 3; i <= NF; i++) {
        if (!($i in rooms))
            print "error runtime/README.md:" FNR ": " $1 " <- " $i ", which is not listed before it"
        print "may", $1, $i
    }
    rooms[$1] = 1
    print "room", $1
}

/^    leat\/[a-z.\/ ]+ of [a-z]+$/ {
    for (i = 1; i < NF - 1; i++)
        print "header", $i, $NF
}

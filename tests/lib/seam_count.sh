#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the seams that the simulation uses cost those who do not use them, in instructions.
#
#     tests/lib/seam_count.sh [BUILD_DIR]
#
# The library is compiled once more with the seams gone: no hook for faults and none of their fields
# in an operation's way, and the clock in line where it is read. (The others leave nothing to take
# away: lockfree/atomic.h is macros for <stdatomic.h>, and a virtual worker, thread or futex is
# another file in the place of platform's.) The same program is linked with both, and callgrind
# counts: the difference between 4,000 and 2,000 rounds leaves start and stop out.
# Prints `seams WHAT with=N without=N`, instructions a round (those of the kernel not counted), and
# `seams max=N%`.
# Exit status 1 when one costs more than three in a hundred, or the normal library names the
# simulation; 77 when valgrind or the programs are not there.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build/gcc-check}" 2> /dev/null && pwd) || exit 77
program=$build/tests/seam_count
[ -x "$program" ] && command -v valgrind > /dev/null || exit 77
work=$build/seams
rm -rf "$work"
mkdir -p "$work/runtime/reactor" "$work/runtime/platform" "$work/objects"

# The same text without the seams.
sed -E -e 's/load_relaxed\(&leat__fault_hook\) != NULL/false/' \
    -e 's/__builtin_expect\(op->late > 0, 0\)|op->(held|deaf)\b( *[);]| *$)/false\2/' \
    -e 's/__builtin_expect\(op->not_yet, 0\)/false/; s/ && op->late == 0//' \
    -e 's/__builtin_expect\(!leat__list_empty\(&reactor->late\), 0\)/false/' \
    "$root/runtime/reactor/op.c" > "$work/runtime/reactor/op.c"
sed -E 's/op->crowded \? NULL :|&& !op->crowded//; /op->crowded = false;/d' \
    "$root/runtime/reactor/uring.c" > "$work/runtime/reactor/uring.c"
sed -e '/^leat_time leat__clock_now(void);$/c\
static inline leat_time leat__clock_now(void)\
{\
    struct timespec now = { 0 };\
\
    clock_gettime(CLOCK_MONOTONIC, \&now);\
    return (leat_time)now.tv_sec * LEAT_SEC + now.tv_nsec;\
}' "$root/runtime/platform/clock.h" > "$work/runtime/platform/clock.h"
for file in reactor/op.c platform/clock.h; do
    ! cmp -s "$root/runtime/$file" "$work/runtime/$file" || {
        echo "seams: $file has changed, and its seam is not found"
        exit 1
    }
done
if nm "$build/libleat.a" 2> /dev/null | grep -q 'leat__sim\|leat__kernel'; then
    echo "seams: the normal library names the simulation"
    exit 1
fi

# Each object once more; what defines the clock as it is.
jobs_max=$(nproc)
while read -r object; do
    name=$(tr / _ <<< "${object#*.dir/}")
    command=$(ninja -C "$build" -t commands "$object" | tail -n 1)
    command=$(sed -e "s| -MD -MT [^ ]* -MF [^ ]*||; s| -o [^ ]* | -o $work/objects/$name |" \
        -e "s| -I$root/runtime| -I$work/runtime&|" -e 's/ -Werror//' <<< "$command")
    for own in reactor/op reactor/uring; do
        [[ $object != *runtime/$own.c.o ]] || command=${command/ -c $root\// -c $work\/}
    done
    [[ $object != *platform/clock.c.o ]] || continue
    while [ "$(jobs -rp | wc -l)" -ge "$jobs_max" ]; do wait -n; done
    (cd "$build" && eval "$command") 2>> "$work/log" || echo "$object" >> "$work/failed" &
done < <(cd "$build" && find CMakeFiles/leat_objects.dir -name '*.c.o' | LC_ALL=C sort)
wait
if [ -s "$work/failed" ]; then
    echo "seams: without them these do not compile:" && head -n 5 "$work/failed" "$work/log"
    exit 1
fi
link=$(ninja -C "$build" -t commands tests/seam_count | tail -n 1)
(cd "$build" &&
    eval "${link/ -o tests\/seam_count / -o $work/seam_count $work/objects/*.o }") || exit 1

count()
{
    LEAT_REACTOR=epoll LEAT_WATCH=0 LEAT_SEED=1 valgrind --tool=callgrind \
        --callgrind-out-file=/dev/null "$1" "$2" "$3" 2>&1 > /dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

tenths()
{
    local small large

    small=$(count "$1" "$2" 2000) large=$(count "$1" "$2" 4000)
    [ -n "$small" ] && [ -n "$large" ] || { echo 0; return; }
    echo $(((large - small) / 200))
}

max=0
for what in spawn_join yield ping_pong channel pipe; do
    with=$(tenths "$program" $what) without=$(tenths "$work/seam_count" $what)
    [ "$with" -gt 0 ] && [ "$without" -gt 0 ] || { echo "seams: callgrind has not run"; exit 1; }
    echo "seams $what with=$((with / 10)).$((with % 10))" \
        "without=$((without / 10)).$((without % 10))"
    permille=$(((with - without) * 1000 / without))
    [ $permille -le $max ] || max=$permille
done
echo "seams max=$((max / 10)).$((max % 10))%"
[ $max -le 30 ]

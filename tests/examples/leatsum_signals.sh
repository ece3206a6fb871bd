#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGINT and SIGTERM at any instant end leatsum soon, with the right status, and what it printed up
# to then is right. Job control gives background programs the usual SIGINT.
. "$(dirname "$0")/common.bash"
need leatsum
set -m

times=20
[ "$full" = 1 ] && times=200
mkdir -p tree/{1..30}
for ((d = 1; d <= 30; d++)); do
    for ((f = 0; f < 50; f++)); do
        printf '%*d' $((f * 200)) $d > tree/$d/$f
    done
done
truncate -s 400M tree/9-large
truncate -s 100M tree/15-large
expected tree > expected.txt
lines=$(wc -l < expected.txt)

# How long it takes undisturbed, in milliseconds: instants are drawn from that time.
begin=$(date +%s%N)
"$leatsum" tree > out || fail "undisturbed"
whole=$((($(date +%s%N) - begin) / 1000000 + 1))
same "undisturbed" expected.txt out

interrupted=0
RANDOM=${LEAT_SEED:-1}
for ((i = 0; i < times; i++)); do
    signal=INT code=130 word=interrupted
    ((i % 4 == 3)) && signal=TERM code=143 word=terminated
    export LEAT_WORKERS=$((i % 2 + 1)) LEAT_REACTOR=auto
    ((i % 3 == 0)) && LEAT_REACTOR=epoll

    timeout -s KILL $((20 * slowdown)) "$leatsum" tree > out 2> err &
    sleep "$(printf '0.%03d' $((RANDOM * whole / 32768 % 1000)))"
    # To the program, not to timeout, which would pass it on as its own death.
    pid=$(pgrep -P $! -x leatsum)
    [ -z "$pid" ] || kill -$signal "$pid" 2> /dev/null
    wait $!
    got=$?
    if [ $got -eq $code ] && [ -s err ]; then
        interrupted=$((interrupted + 1))
        grep -q "^leatsum: $word: $(wc -l < out) files are done$" err ||
            fail "instant $i: $(wc -l < out) lines, and it says $(cat err)"
    elif [ $got -ne 0 ] && [ $got -ne $code ]; then
        # Before the program listens, or after it has ended its work, the signal kills: $code too.
        fail "instant $i, SIG$signal: status $got; $(cat err)"
    fi
    head -n "$(wc -l < out)" expected.txt | cmp -s - out || fail "instant $i: wrong lines"
done
echo "$interrupted of $times were interrupted at work ($lines lines, $whole ms)"
[ $interrupted -ge $((times / 4)) ] || fail "only $interrupted of $times met it at work"

# Waiting for input that does not come, and for a reader that does not read.
mkfifo nothing stuck
exec 7<> nothing 8<> stuck
for how in input output; do
    if [ $how = input ]; then
        "$leatsum" < nothing > out 2> err &
    else
        "$leatsum" tree > stuck 2> err &
    fi
    pid=$!
    sleep 0.5
    begin=$SECONDS
    kill -INT $pid
    wait $pid
    status "waiting for $how" 130 $?
    [ $((SECONDS - begin)) -le $((5 * slowdown)) ] || fail "waiting for $how: it took its time"
done
finish

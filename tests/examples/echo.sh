#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The echo server and its client: every byte comes back; SIGINT ends the server in order.
. "$(dirname "$0")/common.bash"
need echo
need echo_client
need_signals
set -m # background programs get the usual SIGINT

# start [ARGUMENT...]: leaves $server and $port.
start()
{
    : > port.txt
    "$@" "$examples/echo" --host 127.0.0.1 --grace 1 > port.txt 2> server.err &
    server=$!
    for ((i = 0; i < 100 * slowdown; i++)); do
        port=$(sed -n 's/^listening on port //p' port.txt)
        [ -z "$port" ] || return 0
        sleep 0.05
    done
    fail "the server does not start: $(cat server.err)"
    finish
}

# stop WHAT
stop()
{
    kill -INT $server
    wait $server
    status "$1: the server" 0 $?
}

for LEAT_REACTOR in epoll auto; do
    for LEAT_WORKERS in 1 2; do
        export LEAT_REACTOR LEAT_WORKERS
        what="$LEAT_REACTOR, $LEAT_WORKERS workers"
        start env
        timeout $((60 * slowdown)) "$examples/echo_client" --port $port --connections 32 \
            --messages 100 > out 2> err
        status "$what: client" 0 $?
        grep -q '^32 connections, 100 messages of 64 bytes each: all echoed, ' out ||
            fail "$what: $(cat out err)"
        timeout $((60 * slowdown)) "$examples/echo_client" --port $port --connections 4 \
            --messages 20 --bytes 65536 > out 2> err
        status "$what: client, large messages" 0 $?
        stop "$what"
        [ ! -s server.err ] || fail "$what: $(cat server.err)"
    done
done
unset LEAT_REACTOR LEAT_WORKERS

for program in echo echo_client; do
    "$examples/$program" --help > out
    status "$program --help" 0 $?
    grep -q "^usage: $program " out || fail "$program --help says: $(cat out)"
done

# An idle connection is cut when the grace time is over, not before and not much later.
start env
exec 5<> /dev/tcp/127.0.0.1/$port
echo hello >&5
read -r -t 10 line <&5
[ "$line" = hello ] || fail "no echo: $line"
begin=$(date +%s%N)
kill -INT $server
sleep 0.3
echo still there >&5
read -r -t 10 line <&5
[ "$line" = "still there" ] || fail "no echo during the grace time: $line"
wait $server
status "an idle connection: the server" 0 $?
took=$((($(date +%s%N) - begin) / 1000000))
[ $took -ge 900 ] && [ $took -le $((5000 * slowdown)) ] || fail "the grace time was $took ms"
exec 5>&-
grep -q 'cut after the grace time' server.err || fail "cut in silence"

# Out of descriptors: the server waits without burning a core, and goes on when some are free.
start prlimit --nofile=40
timeout $((60 * slowdown)) "$examples/echo_client" --port $port --connections 100 --messages 50 \
    --bytes 64 > out 2> err &
client=$!
wait $client
status "more connections than descriptors: client" 0 $?
sleep_pids=()
for ((i = 0; i < 60; i++)); do
    sleep 2 3<> /dev/tcp/127.0.0.1/$port &
    sleep_pids+=($!)
done
sleep 0.3
before=$(awk '{ print $14 + $15 }' /proc/$server/stat)
sleep 1
after=$(awk '{ print $14 + $15 }' /proc/$server/stat)
[ $((after - before)) -le $((10 * slowdown)) ] ||
    fail "out of descriptors it used $((after - before)) ticks in a second"
wait "${sleep_pids[@]}"
timeout $((60 * slowdown)) "$examples/echo_client" --port $port --connections 4 --messages 5 \
    > out 2>&1
status "after the descriptors are back: client" 0 $?
stop "out of descriptors"

"$examples/echo" --port nonsense 2> /dev/null
status "a port that is none" 2 $?
"$examples/echo_client" 2> /dev/null
status "no port" 2 $?
finish

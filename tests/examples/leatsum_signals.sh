#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGINT and SIGTERM at any instant end leatsum soon, with the right status, and what it printed up
# to then is right.
. "$(dirname "$0")/common.bash"
need leatsum
need_signals

# shoot SECONDS SIGNAL COMMAND..: run the command with its output in out and err, send the signal
# after that time, and leave its status in $code: 137 if it had to be killed. Not by bash, whose
# background programs ignore SIGINT and can be killed before they have begun.
shoot()
{
    perl -e '
        my ($delay, $signal, $patience) = splice @ARGV, 0, 3;
        my ($ready, $begun);
        pipe $ready, $begun;
        my $pid = fork // die;
        if ($pid == 0) {
            $SIG{INT} = $SIG{TERM} = "DEFAULT";
            open STDOUT, ">", $ENV{OUT} // "out";
            open STDERR, ">", "err";
            close $ready; # $begun closes on exec
            exec @ARGV;
            exit 127;
        }
        close $begun;
        <$ready>;
        select undef, undef, undef, $delay;
        kill $signal, $pid;
        $SIG{ALRM} = sub { kill "KILL", $pid };
        alarm $patience;
        waitpid $pid, 0;
        exit($? & 127 ? 128 + ($? & 127) : $? >> 8)' "$1" "$2" $((20 * slowdown)) "${@:3}"
    code=$?
}

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
    signal=INT expected=130 word=interrupted
    ((i % 4 == 3)) && signal=TERM expected=143 word=terminated
    export LEAT_WORKERS=$((i % 2 + 1)) LEAT_REACTOR=auto
    ((i % 3 == 0)) && LEAT_REACTOR=epoll

    us=$((RANDOM * whole / 33))
    shoot "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" $signal "$leatsum" tree
    if [ $code -eq $expected ] && [ -s err ]; then
        interrupted=$((interrupted + 1))
        grep -q "^leatsum: $word: $(wc -l < out) files are done$" err ||
            fail "instant $i: $(wc -l < out) lines, and it says $(cat err)"
    elif [ $code -ne 0 ] && [ $code -ne $expected ]; then
        # Before the program listens, or after it has ended its work, the signal kills: the same.
        fail "instant $i, SIG$signal: status $code; $(cat err)"
    fi
    head -n "$(wc -l < out)" expected.txt | cmp -s - out || fail "instant $i: wrong lines"
done
echo "$interrupted of $times were interrupted at work ($lines lines, $whole ms)"
[ $interrupted -ge $((times / 4)) ] || fail "only $interrupted of $times met it at work"

# Waiting for input that does not come, and for a reader that does not read.
mkfifo nothing stuck
exec 7<> nothing 8<> stuck
begin=$SECONDS
shoot 0.5 INT "$leatsum" < nothing
status "waiting for input" 130 $code
OUT=stuck shoot 0.5 INT "$leatsum" tree
status "waiting for a reader" 130 $code
[ $((SECONDS - begin)) -le $((10 * slowdown)) ] || fail "waiting: it took its time"

# For a reader that comes after the signal, with the pipe and our buffer full.
mkfifo late
sed p expected.txt > twice.txt
{ sleep 1; cat; } < late > out &
OUT=late shoot 0.7 INT "$leatsum" tree tree
wait $!
status "a late reader" 130 $code
head -n "$(wc -l < out)" twice.txt | cmp -s - out || fail "a late reader: wrong lines"
grep -q "^leatsum: interrupted: $(wc -l < out) files are done$" err ||
    fail "a late reader: $(wc -l < out) lines, and it says $(cat err)"
finish

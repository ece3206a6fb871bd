#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# leatsum holds at most --memory and 32 MiB and 256 bytes for each file, whatever the files are.
. "$(dirname "$0")/common.bash"
need leatsum
if [ "$slowdown" -gt 1 ]; then
    echo "a sanitizer's own memory would be measured" >&2
    exit 77
fi

files=2000 sparse=256M
if [ "$full" = 1 ]; then
    files=100000 sparse=4G
fi

# peak ARGUMENT...: largest resident memory in KiB, asked of the kernel when the program has ended.
peak()
{
    perl -e '
        my $pid = fork // die;
        if ($pid == 0) { open STDOUT, ">", "out"; exec @ARGV; exit 127 }
        my ($high, $now) = (0, 0);
        while (waitpid($pid, 1) == 0) {
            if (open my $f, "<", "/proc/$pid/status") {
                while (<$f>) { $now = $1 if /^VmHWM:\s+(\d+)/ }
                $high = $now if $now > $high;
            }
            select undef, undef, undef, 0.002;
        }
        print "$high\n";
        exit($? >> 8)' "$leatsum" "$@"
}

# bound WHAT CAP_MIB FILES PATH
bound()
{
    local kib limit=$(($2 * 1024 + 32 * 1024 + $3 / 4))

    kib=$(peak --memory="$2M" "$4") || fail "$1: status $?"
    echo "$1: $kib KiB of $limit"
    [ "$kib" -gt 0 ] && [ "$kib" -le "$limit" ] || fail "$1: $kib KiB, more than $limit"
}

mkdir small large long
for ((f = 0; f < files; f++)); do
    printf '%*d' $((f % 5000)) $f > small/$f
done
for ((f = 0; f < 64; f++)); do
    truncate -s 16M large/$f
done
name=$(printf '%0240d' 0)
mkdir -p long/$name/$name/$name/$name
for ((f = 0; f < files; f++)); do
    : > long/$name/$name/$name/$name/$name$f
done
truncate -s $sparse sparse

for cap in 1 64; do
    bound "$files small files, $cap MiB" $cap $files small
    bound "64 files of 16 MiB, $cap MiB" $cap 64 large
    bound "$files long names, $cap MiB" $cap $files long
    bound "a sparse file, $cap MiB" $cap 1 sparse
    # The first in order is large and holds up the output of all that follows.
    mkdir mixed
    truncate -s $sparse mixed/0
    cp -al long mixed/1
    bound "$files names behind a large file, $cap MiB" $cap $files mixed
    rm -r mixed
done
finish

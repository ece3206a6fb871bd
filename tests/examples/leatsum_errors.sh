#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What cannot be read is said in one line each, the status is 1, and every other file is hashed.
. "$(dirname "$0")/common.bash"
need leatsum

# run ARGUMENT...: leaves status in $code, output in out, messages in err.
run()
{
    timeout $((60 * slowdown)) "$leatsum" "$@" > out 2> err
    code=$?
}

# said LINE...: err consists of these lines, in any order.
said()
{
    printf '%s\n' "$@" | sort > err.expected
    sort err > err.sorted
    same "messages" err.expected err.sorted
}

mkdir tree
for name in a b c d; do
    echo $name > tree/$name
done
expected tree > all.txt

run tree/a nowhere 'no where' $'no\nwhere' tree
status "files that do not exist" 1 $code
said "leatsum: nowhere: No such file or directory" \
    "leatsum: 'no where': No such file or directory" \
    "leatsum: 'no'\$'\\n''where': No such file or directory"
{ head -n 1 all.txt; cat all.txt; } | sort -k 2 > expected.txt
same "the others are hashed" expected.txt out

mkfifo fifo
ln -s nowhere dangling
ln -s self self
run fifo dangling self /dev/null tree
status "what is no file" 1 $code
said "leatsum: fifo: Not a regular file" "leatsum: /dev/null: Not a regular file" \
    "leatsum: dangling: No such file or directory" \
    "leatsum: self: Too many levels of symbolic links"
same "what is no file: the others" all.txt out

run ''
status "an empty name" 1 $code
said "leatsum: '': No such file or directory"

# ---- not allowed ----------------------------------------------------------------------------

mkdir tree/closed
echo x > tree/closed/x
echo y > tree/secret
chmod 0 tree/closed tree/secret
as_nobody=()
if [ "$(id -u)" = 0 ]; then
    chmod 755 .
    as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
# The folders above may be closed to others; copies must run where they are.
if "${as_nobody[@]}" sh -c "cd '$work' && '$leatsum' tree/a" > /dev/null 2>&1; then
    "${as_nobody[@]}" sh -c "cd '$work' && timeout 60 '$leatsum' tree" > out 2> err
    status "not allowed" 1 $?
    said "leatsum: tree/closed: Permission denied" "leatsum: tree/secret: Permission denied"
    same "not allowed: the others" all.txt out
else
    echo "no other user can run the program here: permissions are not tried" >&2
fi
chmod 755 tree/closed
chmod 644 tree/secret
rm -r tree/closed tree/secret

# ---- files that change ----------------------------------------------------------------------

# With 64 KiB there is one reader, which is busy with the first file while the others change.
changes()
{
    local tries

    for tries in 1 2 3 4 5; do
        rm -rf moving
        mkdir moving
        truncate -s 1G moving/1-shrinks
        echo gone > moving/2-vanishes
        echo replaced > moving/3-becomes-fifo
        echo linked > moving/4-becomes-link
        echo stays > moving/5-stays
        timeout $((60 * slowdown)) "$leatsum" --memory=64K moving > out 2> err &
        sleep 0.$tries
        rm moving/[234]*
        mkfifo moving/3-becomes-fifo
        ln -s 5-stays moving/4-becomes-link
        truncate -s 1M moving/1-shrinks # last: it lets the reader go on
        wait $!
        code=$?
        # Too early, and what is gone was never listed; too late, and it is read.
        [ "$(wc -l < out)" -ne 1 ] || [ "$(wc -l < err)" -ne 4 ] || return 0
        echo "too early or too late: once more" >&2
    done
    return 1
}
if changes; then
    status "files that change" 1 $code
    said "leatsum: moving/1-shrinks: File shrank while it was read" \
        "leatsum: moving/2-vanishes: No such file or directory" \
        "leatsum: moving/3-becomes-fifo: Not a regular file" \
        "leatsum: moving/4-becomes-link: Too many levels of symbolic links"
    expected moving/5-stays > expected.txt
    same "files that change: the other" expected.txt out
else
    fail "files that change: five tries were not enough"
fi
rm -r moving

# ---- output that fails ----------------------------------------------------------------------

for ((i = 0; i < 3000; i++)); do
    : > tree/$i
done
timeout 60 "$leatsum" tree > /dev/full 2> err
status "a full disk" 1 $?
said "leatsum: write error: No space left on device"
timeout 60 "$leatsum" tree >&- 2> err
status "a closed output" 1 $?
said "leatsum: write error: Bad file descriptor"
{ timeout 60 "$leatsum" tree 2> err; echo $? > code; } | sleep 0.1
status "nobody reads" 1 "$(cat code)"
said "leatsum: write error: Broken pipe"
timeout 60 "$leatsum" tree nowhere > out 2>&-
status "closed messages" 1 $?
[ "$(wc -l < out)" -eq 3004 ] || fail "closed messages: $(wc -l < out) lines"
timeout 60 "$leatsum" <&- > out 2> err
status "a closed input" 1 $?
said "leatsum: -: Bad file descriptor"

# A reader that stops for a while gets all of it, and finds its pipe as it was.
{ timeout 60 "$leatsum" tree; } | { sleep 0.3; cat; } > out
[ "$(wc -l < out)" -eq 3004 ] || fail "a slow reader: $(wc -l < out) lines"

# ---- options --------------------------------------------------------------------------------

for arguments in --jobs=0 --jobs=x --jobs=-1 --memory=1 --memory=64Q --memory=-1 --memory= \
    --memory=99999999999999999999G --follow=1; do
    run $arguments tree
    status "$arguments" 1 $code
    [ ! -s out ] && grep -q "^Try 'leatsum --help' for more information.$" err ||
        fail "$arguments: $(cat err)"
done
run --help
status --help 0 $code
grep -q '^Usage: leatsum' out || fail "--help"
run --version
status --version 0 $code
grep -q '^leatsum (leat) [0-9]' out || fail "--version"
LEAT_REACTOR=nonsense run tree
status "a reactor that does not exist" 1 $code
[ -s err ] || fail "a reactor that does not exist is passed over in silence"
run -v tree
grep -Eq '^leatsum: 3004 files, .* MB, .* s, .* CPU s, .* MB/s; (io_uring|epoll), [0-9]+ workers,'\
' [0-9]+ steals, [0-9]+ parks$' err ||
    fail "-v: $(cat err)"

# ---- a terminal -----------------------------------------------------------------------------

if command -v script > /dev/null; then
    truncate -s 512M large
    timeout 60 script -qec "'$leatsum' large > out" screen > /dev/null
    status "on a terminal" 0 $?
    grep -aq 'files in flight' screen || fail "no progress on a terminal"
    sha256sum large > expected.txt
    same "on a terminal" expected.txt out
    run large
    [ ! -s err ] || fail "progress without a terminal: $(cat err)"
fi
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# leatsum prints byte for byte what sha256sum prints for the same files in byte order of the names:
# with both reactors, one worker and two, and where the kernel refuses io_uring.
. "$(dirname "$0")/common.bash"
source_root=$(cd "$OLDPWD" && cd "$(dirname "$0")/../.." && pwd)
need leatsum

files=2000 sparse=256M
if [ "$full" = 1 ]; then
    files=100000 sparse=4G
fi

# ---- what to hash ---------------------------------------------------------------------------

mkdir -p small odd sizes empty/below
for ((d = 0; d * 100 < files; d++)); do
    mkdir "small/$d"
    for ((f = 0; f < 100; f++)); do
        printf '%d.%d.%*d' $d $f $((f * 37)) 0 > "small/$d/$f"
    done
done
# Around the sizes at which a file is read whole, goes on in the other half, or ends with it.
for bytes in 0 1 4095 4096 4097 262143 262144 262145 1048575 1048576 1048577 2097151 3145728 \
    3145729 4194303 4194304 4194305 8388607 8388608 8388609; do
    head -c $bytes /dev/zero | tr '\0' 'x' > sizes/$bytes
done
for ((f = 0; f < 40; f++)); do
    head -c $((300000 + f)) /dev/zero > "sizes/many.$f"
done
truncate -s $sparse sparse

names=(' ' 'a b' $'a\nb' 'a\b' '\n' $'\n' '\' $'\r' $'a\rb' $'\\\r\n' $'\xff\xfe'
    $'\xc3' 'é' -x --help -- $'\t' "'" '"' '*' '#' '~' $'\x01' 'trailing ')
for name in "${names[@]}"; do
    printf '%q' "$name" > "odd/$name"
    mkdir -p "odd/dir$name"
    printf '%q' "$name" > "odd/dir$name/$name"
done
mkdir -p odd/order/a odd/order/a-b odd/order/a.b
touch odd/order/a/x odd/order/a-b/x odd/order/a.b/x odd/order/a-c odd/order/a0
ln -s ../small/0/0 odd/link
ln -s ../small odd/link-to-directory
ln -s nowhere odd/dangling
ln -s .. odd/loop
mkfifo odd/fifo
long=$(printf '%0250d' 0)
mkdir -p "odd/$long/$long/$long/$long/$long/$long/$long"
echo deep > "odd/$long/$long/$long/$long/$long/$long/$long/$long"

trees=(small odd sizes sparse empty /usr/include/linux)
[ "$full" != 1 ] || trees+=(/usr/include)
expected "${trees[@]}" > expected.txt

# ---- one program, many ways -----------------------------------------------------------------

compare()
{
    local what=$1

    shift
    timeout $((60 * slowdown)) "$@" "$leatsum" -- "${trees[@]}" > out 2> err < /dev/null
    status "$what" 0 $?
    same "$what" expected.txt out
    [ ! -s err ] || fail "$what: says $(head -n 60 err)"
}

for workers in 1 2; do
    compare "epoll, $workers workers" env LEAT_REACTOR=epoll LEAT_WORKERS=$workers
    # Forced, so that it is not epoll again in silence.
    if LEAT_REACTOR=io_uring "$leatsum" < /dev/null > /dev/null 2>&1; then
        compare "io_uring, $workers workers" env LEAT_REACTOR=io_uring LEAT_WORKERS=$workers
    else
        echo "io_uring is refused here: that half is not compared" >&2
    fi
done

if cc -o deny_uring "$source_root/tests/examples/deny_uring.c"; then
    for errno in ENOSYS EPERM; do
        compare "io_uring_setup gives $errno" ./deny_uring $errno
        if ./deny_uring $errno env LEAT_REACTOR=io_uring "$leatsum" < /dev/null > out 2> err; then
            fail "a forced io_uring that gives $errno is no error"
        fi
        LEAT_REACTOR=auto ./deny_uring $errno "$leatsum" -v < /dev/null 2>&1 > /dev/null |
            grep -q epoll || fail "$errno does not lead to epoll"
    done
else
    fail "deny_uring.c does not compile"
fi

# ---- paths in many forms --------------------------------------------------------------------

like_find()
{
    expected "$@" > expected.one
    timeout $((60 * slowdown)) "$leatsum" "$@" > out 2> err
    status "$*" 0 $?
    same "$*" expected.one out
}

like_find small/
like_find ./small/1 small/0 sizes/1
like_find small small/1 small/1/7        # found twice, printed twice
like_find odd/order/a odd/order/a-b odd/order/a.b odd/order
like_find small/3 small/3
like_find odd/link                       # a named link is followed
like_find odd/link-to-directory/
like_find "$PWD/small/2"
(cd odd && expected . > ../expected.one && timeout 60 "$leatsum" . > ../out)
same "the folder it stands in" expected.one out

printf 'from standard input' > in
sha256sum < in > expected.one
"$leatsum" < in > out
same "no path: standard input" expected.one out
"$leatsum" - < sizes/3145729 > out
sha256sum - < sizes/3145729 > expected.one
same "a large standard input" expected.one out
head -c 5000000 /dev/zero | "$leatsum" > out
head -c 5000000 /dev/zero | sha256sum > expected.one
same "a pipe" expected.one out
(cd small/0 && "$leatsum" - 1 0 < ../../in > ../../out)
(cd small/0 && sha256sum - 0 1 < ../../in > ../../expected.one)
same "standard input among files" expected.one out

"$leatsum" --jobs=1 --memory=64K "${trees[@]}" > out
same "one worker, 64 KiB" expected.txt out
"$leatsum" small > append.txt
(echo before; "$leatsum" small; echo after) > out
(echo before; cat append.txt; echo after) > expected.one
same "output goes where the shell's goes" expected.one out

# With -L what links lead to is hashed, and each link that leads nowhere or back is said.
mkdir linked
ln -s ../small/0 linked/directory
ln -s ../small/1/1 linked/file
find -L linked -type f -print0 | sort -z | xargs -0 sha256sum > expected.one
"$leatsum" -L linked > out
status "-L" 0 $?
same "-L" expected.one out
ln -s nowhere linked/dangling
ln -s ../linked linked/loop
timeout 20 "$leatsum" -L linked > out 2> err
status "-L with links that fail" 1 $?
same "-L with links that fail" expected.one out
[ "$(wc -l < err)" -eq 2 ] || fail "-L: not one line for each link that fails: $(cat err)"
grep -q '^leatsum: linked/dangling: No such file or directory$' err || fail "-L: dangling link"
grep -q '^leatsum: linked/loop: Too many levels of symbolic links$' err || fail "-L: loop"
finish

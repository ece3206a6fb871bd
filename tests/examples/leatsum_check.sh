#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# leatsum -c says and returns what sha256sum -c does, but for its own name in the messages.
. "$(dirname "$0")/common.bash"
need leatsum

mkdir files
for name in one two three 'with blank' $'new\nline' $'carriage\rreturn' 'back\slash' ' leading' \
    '*star' é; do
    printf '%s' "$name" > "files/$name"
done
head -c 3000000 /dev/zero > files/large
(cd files && sha256sum -- * > ../good)
(cd files && sha256sum --binary -- * > ../binary)
(cd files && sha256sum --tag -- * > ../tagged)
sed 's/^\(\\*[0-9a-f]*\)  /\1 /' good | grep -v '  ' > reversed
sed 's/[0-9a-f]\{64\}/\U&/' good > upper
sed 's/$/\r/' good | grep -v 'carriage\|\\' > dos
sed '2s/^\(.\)./\1z/;3s/^./x/' good > malformed
sed '2,3s/[0-9a-f]\{8\}/00000000/' good > differing
sed '2s/[0-9a-f]\{8\}/00000000/' good > one_differs
{ cat good; echo "$(printf '%064d' 0)  gone"; } > gone
{ cat good; echo "$(printf '%064d' 0)  gone"; echo "$(printf '%064d' 0)  gone too"; } > gone_two
echo "$(printf '%064d' 0)  gone" > only_gone
{ head -n 3 good; echo; echo '# a comment'; echo ' no sum'; cat good | tail -n 2; } > comments
{ cat good; echo "$(printf '%064d' 0)  ."; } > directory
{ cat good; head -n 2 reversed; } > mixed
{ cat reversed; head -n 3 good; } > mixed_other_way
printf '%s' "$(head -n 2 good)" > no_last_newline
printf '\\%064d  bad\\escape\n\\%064d  end\\\n' 0 0 > bad_escapes
printf '%064d  a\0b\n' 0 > zero_byte
printf '  \t%s\n' "$(head -n 1 good)" > blanks_before
{ tail -n 1 good; echo "$(sha256sum < good | cut -c 1-64)  -"; } > dash
printf 'SHA256 (one) = %s\nSHA256(two)=%s\nSHA256 (three)  %s\nSHA256 (x = %064d\n' \
    "$(printf one | sha256sum | cut -c 1-64)" "$(printf two | sha256sum | cut -c 1-64)" 0 0 > tags
printf '%063d  one\n%065d  one\n%064d one\n%064d\n%064d  \n' 0 0 0 0 0 > lengths
printf '' > empty
printf 'nothing here\n' > no_sums
head -c 300000 /dev/zero | tr '\0' 'x' > long_line
for ((i = 0; i < 300; i++)); do grep -v large good; done > many

lists=(good binary tagged reversed upper dos malformed differing one_differs gone gone_two only_gone
    comments directory mixed mixed_other_way no_last_newline bad_escapes zero_byte blanks_before
    dash tags lengths empty no_sums long_line many)

# both WHAT ARGUMENT...: run both programs in files/ and compare all that they give.
both()
{
    local what=$* theirs ours

    (cd files && timeout 60 sha256sum "$@" < ../good > ../out.theirs 2> ../err.theirs)
    theirs=$?
    (cd files && timeout $((30 * slowdown)) "$leatsum" "$@" < ../good > ../out.ours 2> ../err.ours)
    ours=$?
    status "$what" $theirs $ours
    same "$what: output" out.theirs out.ours
    sed 's/^leatsum:/sha256sum:/; s/leatsum --help/sha256sum --help/' err.ours > err.renamed
    same "$what: messages" err.theirs err.renamed
}

for list in "${lists[@]}"; do
    for options in -c '-c --quiet' '-c --status' '-c --strict' '-c -w' '-c --ignore-missing' \
        '-c --ignore-missing --quiet --strict -w' '-c --status --ignore-missing --strict -w'; do
        # shellcheck disable=SC2086
        both $options ../$list
    done
done
both -c
both -c -
both -c ../good ../differing ../gone ../reversed
both -c ../reversed ../good
both --check ../no-such-list ../good
both -c .
for option in --quiet --status --ignore-missing --strict --warn; do
    both $option one
done
both --no-such-option
both -c --statu ../differing

for LEAT_REACTOR in epoll auto; do
    for LEAT_WORKERS in 1 2; do
        export LEAT_REACTOR LEAT_WORKERS
        both -c ../many
        both -c ../differing
    done
done

# A FIFO holds sha256sum up for ever, us not.
mkfifo files/fifo
echo "$(printf '%064d' 0)  fifo" > fifo.list
(cd files && timeout 20 "$leatsum" -c ../fifo.list > ../out 2> ../err)
status "a FIFO in a list" 1 $?
grep -q '^leatsum: fifo: Not a regular file$' err || fail "a FIFO in a list: $(cat err)"
rm files/fifo

# What leatsum prints, leatsum and sha256sum take.
"$leatsum" files > own
"$leatsum" -c --quiet --strict own || fail "leatsum does not take its own list"
sha256sum -c --quiet --strict own || fail "sha256sum does not take leatsum's list"
"$leatsum" -c --quiet <(cat own) || fail "a list from a pipe"
finish

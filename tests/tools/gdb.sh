#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# leat-gdb.py: `leat tasks` and `leat bt ID` on a live process, then the same on a core file of it.
# 77 where there is no gdb, or it may not trace here; under CI that is a failure.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")/../.." && pwd)
target=${BUILD:?BUILD names the folder of the build}/tests/gdb_target
failures=0

skip()
{
    echo "$1" >&2
    [ "${CI:-}" != true ] || exit 1
    exit 77
}

grep -q '^LEAT_SWITCH:.*=ucontext$' "$BUILD/CMakeCache.txt" && { echo "ucontext" >&2; exit 77; }
command -v gdb > /dev/null || skip "gdb is not installed"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# A line of the output of $1 matches $2.
shows()
{
    if ! grep -Eq -- "$2" "$1"; then
        echo "FAILED: $1 has no line that matches: $2" >&2
        failures=$((failures + 1))
    fi
}

cat > ids.gdb << 'END'
python
def named(name):
    return [task.ident for task in tasks() if task.name == name][0]
def bt(name):
    gdb.write("--- " + name + "\n")
    gdb.execute("leat bt %d" % named(name))
end
END
cat > look.gdb << 'END'
leat tasks
python
for name in ("napper", "taker", "newcomer", "guest", "root"):
    bt(name)
# and gdb is as it was
gdb.write("--- afterwards\n")
gdb.execute("bt")
gdb.write("--- nobody\n")
try:
    gdb.execute("leat bt 987654321")
except gdb.error as error:
    gdb.write(str(error) + "\n")
end
END

gdb -nx -q -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'set debuginfod enabled off' \
    -ex "source $here/runtime/package/leat-gdb.py" -ex 'source ids.gdb' -ex 'break gdb_stop_here' \
    -ex 'run' -ex 'source look.gdb' -ex 'delete' -ex 'continue' "$target" > live 2>&1 < /dev/null
grep -Eq 'ptrace: Operation not permitted|Could not trace the inferior' live &&
    skip "gdb may not trace programs here"

# The kernel's core file, where it writes one that we can find. (gdb's own generate-core-file leaves
# out every mapping with a guard in it, and so the stacks.)
outputs="live"
(ulimit -c unlimited && exec "$target" abort) > /dev/null 2>&1
for core in core*; do
    [ -s "$core" ] || continue
    gdb -nx -q -batch -ex 'set pagination off' -ex 'set debuginfod enabled off' \
        -ex "source $here/runtime/package/leat-gdb.py" -ex 'source ids.gdb' \
        -ex 'source look.gdb' "$target" "$core" > dead 2>&1 < /dev/null
    outputs="live dead"
done
[ "$outputs" != live ] || echo "no core file here: $(cat /proc/sys/kernel/core_pattern)" >&2

for output in $outputs; do
    shows $output '^task [0-9]+ "root" \(fn app\) joins a scope, and runs a child of it'
    shows $output '^task [0-9]+ "napper" \(fn nap\) waits to have slept'
    shows $output '^task [0-9]+ "taker" \(fn take\) waits to receive from a channel "orders"'
    shows $output '^task [0-9]+ "newcomer" \(fn nap\) has not been started'
    shows $output '^task [0-9]+ "guest" \(fn stop_in_place\) runs on worker 0'
    shows $output '^5 tasks$'
    shows $output 'there is no task 987654321'
    sed -n '/^--- napper/,/^--- taker/p' $output > $output.napper
    shows $output.napper '^#[0-9]+ +0x[0-9a-f]+ in leat_sleep'
    shows $output.napper '^#[0-9]+ +0x[0-9a-f]+ in nap_inner at .*gdb_target.c:[0-9]+$'
    shows $output.napper '^#[0-9]+ +0x[0-9a-f]+ in nap at .*gdb_target.c'
    shows $output.napper 'in leat__fiber_main at'
    sed -n '/^--- taker/,/^--- newcomer/p' $output > $output.taker
    shows $output.taker 'in leat_chan_recv at'
    shows $output.taker 'in take at .*gdb_target.c'
    if grep -q 'gdb_stop_here' $output.taker; then
        echo "FAILED: $output: a frame of the selected thread in another task's stack" >&2
        failures=$((failures + 1))
    fi
    # On the root's stack, so the root's function is among the frames.
    sed -n '/^--- guest/,/^--- root/p' $output > $output.guest
    shows $output.guest 'gdb_stop_here'
    shows $output.guest '(in )?app \('
    sed -n '/^--- afterwards/,/^--- nobody/p' $output > $output.afterwards
    shows $output.afterwards 'gdb_stop_here \(\) at'
    if grep -Eq 'Python Exception|Traceback|corrupt stack' $output; then
        echo "FAILED: $output: $(grep -E -m 1 'Python|Traceback|corrupt' $output)" >&2
        failures=$((failures + 1))
    fi
done
shows live 'exited normally'
[ "$failures" -eq 0 ] || { cat $outputs >&2; exit 1; }

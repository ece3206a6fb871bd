#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The examples of one file print what they say, with both reactors, on one worker and on two.
. "$(dirname "$0")/common.bash"
need hello

cat > hello.txt << 'END'
Hello, stream!
Hello, mill!
Hello, wheel!
END
cat > sleep.txt << 'END'
1000 naps of 50 ms took well under 50 s
an hour of sleep ended with ETIMEDOUT
END
cat > gather.txt << 'END'
/: a directory
/no/such/path: No such file or directory
/dev/null: no directory
/dev: a directory
first error: ENOENT
END
cat > pipeline.txt << 'END'
the squares of 1 to 100000 add up to 333338333350000
END

for LEAT_REACTOR in epoll auto; do
    for LEAT_WORKERS in 1 2; do
        export LEAT_REACTOR LEAT_WORKERS
        for name in hello sleep gather pipeline; do
            what="$name, $LEAT_REACTOR, $LEAT_WORKERS workers"
            timeout 60 "$examples/$name" > out
            status "$what" 0 $?
            same "$what" $name.txt out
        done
    done
done
finish

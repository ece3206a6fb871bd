# SPDX-License-Identifier: MIT
# Names of types and guards, and words that only one room may write.

function say(sentence)
{
    print FILENAME ":" FNR ": " sentence
}

FNR == 1 {
    guard = toupper(FILENAME)
    sub(/^(RUNTIME|INCLUDE\/LEAT)\//, "LEAT_", guard)
    gsub(/[^A-Z0-9]/, "_", guard)
    guarded = FILENAME !~ /\.h$/ || FILENAME ~ /^runtime\/lockfree\/ck\//
    split(FILENAME, part, "/")
    room = part[1] == "runtime" ? part[2] : ""
    comment = 0
}

# Comments may say anything.
{
    code = $0
    if (comment && code !~ /\*\//)
        next
    if (comment)
        sub(/^.*\*\//, "", code)
    comment = 0
    while (match(code, /\/\*([^*]|\*[^\/])*\*\//))
        code = substr(code, 1, RSTART - 1) " " substr(code, RSTART + RLENGTH)
    if (match(code, /\/\*/)) {
        comment = 1
        code = substr(code, 1, RSTART - 1)
    }
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
}

!guarded && code ~ /^#ifndef/ {
    guarded = 1
    split(code, word, " ")
    if (word[2] != guard)
        say("the include guard is " guard)
}

code ~ /^typedef/ && code ~ /[a-z0-9]_t *;/ { say("no type of ours ends in _t") }
code ~ /^typedef[^()]*\*[ ]*[a-z_0-9]+ *;/ { say("no typedef hides a pointer") }
code ~ /^struct [a-z]/ && code !~ /^struct leat_/ && FILENAME ~ /^include\// {
    say("public structs are called leat_")
}
code ~ /^#define [A-Za-z]/ && FILENAME ~ /^include\// && code !~ /^#define (leat_|LEAT_|errno)/ {
    say("public macros are called leat_ or LEAT_")
}

room == "" { next }

room !~ /^(sched|debug)$/ && code ~ /(^|[^a-z_0-9])(_Thread_local|__thread)([^a-z_0-9]|$)/ {
    say("only sched names a thread-local")
}
# base stands below lockfree, and its counters need no more than an untorn load and store.
code ~ /__(atomic|sync)_[a-z]/ && FILENAME !~ /^runtime\/(lockfree\/|base\/probe\.h)/ {
    say("atomics are spelled as lockfree/atomic.h has them")
}
code ~ /^[ \t]*#.*(__x86_64__|__aarch64__|__linux__|__SANITIZE_|__has_feature|__GLIBC__)/ &&
    room != "platform" && FILENAME !~ /^runtime\/(lockfree\/(atomic\.h|ck\/)|base\/error\.c)/ {
    say("the machine, the C library and the sanitizers are platform's to ask for")
}
code ~ /(^|[^a-z_0-9])(clock_gettime|pthread_create|getrandom|SYS_(futex|membarrier))[^a-z_0-9]/ &&
    room != "platform" {
    say("time, threads, randomness and futexes go through platform")
}

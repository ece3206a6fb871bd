# SPDX-License-Identifier: MIT
# Refuses each include that the map of runtime/README.md does not have.

function say(sentence)
{
    print FILENAME ":" FNR ": " sentence
}

BEGIN {
    while ((getline line < map) > 0) {
        n = split(line, word, " ")
        if (word[1] == "room") {
            room_known[word[2]] = 1
            may[word[2], word[2]] = 1
            rooms++
        } else if (word[1] == "may") {
            may[word[2], word[3]] = 1
        } else if (word[1] == "header") {
            header_room[word[2]] = word[3]
        } else {
            sub(/^error /, "", line)
            print line
        }
    }
    if (rooms == 0)
        print "runtime/README.md:1: no map line such as `sched <- base platform lockfree`"
}

FNR == 1 {
    split(FILENAME, part, "/")
    if (part[1] == "runtime") {
        room = part[2]
        if (!(room in room_known))
            say("room " room " is not on the map of runtime/README.md")
    } else {
        name = "leat/" part[3]
        room = header_room[name]
        if (room == "")
            say(name " belongs to no room: add it to runtime/README.md")
    }
}

/^[ \t]*#[ \t]*include/ {
    file = $0
    sub(/^[^<"]*[<"]/, "", file)
    sub(/[>"].*$/, "", file)
    quoted = $0 ~ /include[ \t]*"/

    if (file == "stdatomic.h") {
        if (FILENAME != "runtime/lockfree/atomic.h")
            say("only lockfree/atomic.h includes <stdatomic.h>")
    } else if (file ~ /^leat\//) {
        if (quoted)
            say("public headers are included as <" file ">")
        if (file in header_room && room != "" && !((room, header_room[file]) in may))
            say(room " may not include " file ", which belongs to " header_room[file])
    } else if (quoted) {
        if (FILENAME ~ /^include\//) {
            say("a public header includes no internal one")
        } else if (file !~ /\//) {
            say("write the room: \"" room "/" file "\"")
        } else {
            target = file
            sub(/\/.*/, "", target)
            if (!((room, target) in may))
                say(room " may not include " file)
        }
    }
    if (FILENAME ~ /^include\// && file ~ /^(ck_|liburing)/)
        say("public headers include neither ck nor liburing")
    if (file ~ /\.c$/)
        say("a .c file is compiled, not included")
}

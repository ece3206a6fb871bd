# SPDX-License-Identifier: MIT
# Prints `file:line name` for each function and object that a public header declares with LEAT_API.

/^LEAT_API/ {
    text = ""
    where = FILENAME ":" FNR
    collecting = 1
}

collecting {
    text = text " " $0
    if ($0 ~ /[;{]/) {
        collecting = 0
        if (match(text, /leat_[a-z_0-9]+\(/))
            print where, substr(text, RSTART, RLENGTH - 1)
        else if (match(text, /leat_[a-z_0-9]+;/))
            print where, substr(text, RSTART, RLENGTH - 1)
    }
}

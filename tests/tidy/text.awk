# SPDX-License-Identifier: MIT
# Plain text rules.

function say(sentence)
{
    print FILENAME ":" FNR ": " sentence
}

# Closing the file before: a long file says in its head comment why it is not two.
function finish()
{
    if (lines > 600 && head !~ /long because/)
        print last ":1: " lines " lines: split it, or say \"long because ..\" in its head comment"
}

FNR == 1 {
    finish()
    last = FILENAME
    head = ""
    heading = 1
    spdx = 0
}

FNR <= 2 && /SPDX-License-Identifier: MIT/ { spdx = 1 }
FNR == 2 && !spdx { say("the first line names the licence: SPDX-License-Identifier: MIT") }
heading && /^[ \t]*$/ && FNR > 3 { heading = 0 }
heading { head = head $0 "\n" }
{ lines = FNR }

length($0) > 100 { say("longer than 100 columns") }
/\t/ { say("a tab") }
/[ \t\r]$/ { say("a blank at the end of the line") }
/(TODO|FIXME|XXX)([^X]|$)/ && FILENAME !~ /tidy/ && !/-X*XXX/ && !/X"/ { say("unfinished") }

END { finish() }

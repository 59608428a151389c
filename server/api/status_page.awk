# SPDX-License-Identifier: MIT
# Makes status_page_html.c of status_page.html: a line `@FILE@` is replaced by that file of its folder,
# each `@NONCE@` ends one piece of the text and begins the next. Run by make:
#   LC_ALL=C awk -f server/api/status_page.awk server/api/status_page.html > server/api/status_page_html.c

function fail(why)
{
    print "status_page.awk: " why > "/dev/stderr"
    failed = 1
    exit 1
}

# One line of the page as a C string; all bytes but these two mean themselves.
function put(line)
{
    gsub(/["\\]/, "\\\\&", line)
    pieces += gsub(/@NONCE@/, "\",\n\"", line)
    print "\"" line "\\n\""
}

function put_file(name, line, status)
{
    while ((status = (getline line < name)) > 0)
        put(line)
    if (status < 0)
        fail("cannot read " name)
    close(name)
}

BEGIN {
    folder = ARGV[1]
    sub(/[^\/]*$/, "", folder)
    print "/* Made by status_page.awk of status_page.html, .css and .js. */"
    print "#include \"server/api/status_page.h\""
    print ""
    print "const char *const status_page_html[] = {"
}

/^@[a-z_.]+@$/ {
    put_file(folder substr($0, 2, length($0) - 2))
    next
}

{ put($0) }

END {
    if (!failed && !pieces)
        fail("no @NONCE@ in " ARGV[1])
    if (failed)
        exit 1
    print ", NULL};"
}

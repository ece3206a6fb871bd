#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is installed to another prefix than was configured, and then moved, is found where it is, by
# pkg-config and by find_package; programs build with it and run.
set -u
export LC_ALL=C
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

try()
{
    "$@" > "$work/log" 2>&1 && return
    echo "failed: $*" && tail -n 20 "$work/log"
    failures=$((failures + 1))
}

cmake --install "${BUILD:?names the folder of the build}" --prefix "$work/first" \
    > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mv "$work/first" "$work/second"
cd "$work" || exit 1
cat > app.c << 'END'
#include <leat/procs.h>
#include <leat/leat.h>

static int app(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_USEC);
}

int main(int argc, char **argv)
{
    leat_procs_main(argc, argv);
    return leat_main(app, 0, 0);
}
END
cat > CMakeLists.txt << 'END'
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
find_package(leat 0.1 REQUIRED)
foreach(target IN ITEMS procs procs_shared sim)
    if(TARGET leat::${target})
        add_executable(with_${target} app.c)
        target_link_libraries(with_${target} PRIVATE leat::${target})
    endif()
endforeach()
END

folder=$(find second -name leat.pc)
export PKG_CONFIG_PATH=$work/${folder%/leat.pc}
for part in leat leat_procs leat_sim; do
    [ -e "$PKG_CONFIG_PATH/$part.pc" ] || continue
    # shellcheck disable=SC2046
    for option in $(pkg-config --cflags --libs "$part"); do
        case $option in
        -[IL]*) try test "${option#-?}" -ef second/include -o \
            "${option#-?}" -ef "$PKG_CONFIG_PATH/.." ;;
        esac
    done
done
# shellcheck disable=SC2046
try "${CC:-cc}" app.c -static $(pkg-config --static --cflags --libs leat_procs) -o by_static
if grep -q '^CMAKE_BUILD_TYPE:.*=Debug$' "$BUILD/CMakeCache.txt"; then
    ./by_static 2> "$work/said" # it says why not
    try grep -q "linked with -static" "$work/said"
else
    try ./by_static
fi
if [ -e "$PKG_CONFIG_PATH/../libleat.so" ]; then
    # shellcheck disable=SC2046
    try "${CC:-cc}" app.c $(pkg-config --cflags --libs leat_procs) -o by_shared
    try env LD_LIBRARY_PATH="$PKG_CONFIG_PATH/.." ./by_shared
fi
try cmake -S . -B cmake -DCMAKE_PREFIX_PATH="$work/second" -DCMAKE_C_COMPILER="${CC:-cc}"
try cmake --build cmake
for program in cmake/with_*; do
    try "$program"
done
exit "$((failures > 0))"

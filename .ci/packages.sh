# SPDX-License-Identifier: MIT
# Sourced by the scripts that build: `packages_need NAME...` returns when all is there, without
# network or root; else, as root on Debian, installs what is missing; else exits 3 with the line
# to run. A package is there when what we use of it works, however it got onto the machine.

package_present()
{
    case $1 in
    gcc)           command -v cc ;;
    g++)           command -v g++ ;;
    clang)         command -v clang && command -v clang++ ;;
    cmake)         command -v cmake ;;
    ninja-build)   command -v ninja ;;
    pkg-config)    command -v pkg-config ;;
    strace)        command -v strace ;;
    libc6-dev)     package_header stdio.h ;;
    libck-dev)     package_header ck_stack.h ;;
    liburing-dev)  pkg-config --exists 'liburing >= 2.3' ;;
    libssl-dev)    pkg-config --exists libcrypto ;;
    libgtest-dev)  package_header gtest/gtest.h ;;
    libuv1-dev)    pkg-config --exists libuv ;;
    golang-go)     command -v go ;;
    cargo | rustc) "$1" --version ;;
    libtbb-dev)    package_header tbb/version.h ;;
    libboost-*)    package_header "boost/$(echo "$1" | sed 's/libboost-//; s/-dev//')/detail" ;;
    librust-*-dev) package_crate "${1#librust-}" ;;
    libclang-rt-14-dev)
        # Of whichever version clang is: the sanitizers' run time, for a static link.
        test -e "$(clang -print-resource-dir)/lib/linux/libclang_rt.tsan-$(uname -m).a" ;;
    *)             command -v "$1" || dpkg -s "$1" | grep -q '^Status: install ok installed' ;;
    esac > /dev/null 2>&1
}

package_header()
{
    local folder
    for folder in $(printf '' | cc -xc -E -v - 2>&1 | sed -n '/search starts/,/End of/s/^ //p'); do
        if [ -e "$folder/$1" ]; then
            return 0
        fi
    done
    return 1
}

# Debian writes a crate's underscores as dashes in the name of its package.
package_crate()
{
    local crate=${1%-dev}
    compgen -G "/usr/share/cargo/registry/${crate//-/[-_]}-[0-9]*"
}

packages_need()
{
    local package missing=() still=() install update said

    for package in "$@"; do
        package_present "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    update="apt-get update"
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if ! command -v apt-get > /dev/null; then
        echo "Missing, by their names in Debian 12: ${missing[*]}" >&2
        exit 3
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "Something is missing. Run: sudo sh -c '$update && $install'" >&2
        exit 3
    fi
    echo "Installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # apt-get -y refuses to downgrade unless told otherwise; stdin may be a list of paths.
    if ! said=$({ $update && $install; } 2>&1 < /dev/null); then
        printf '%s\n' "$said" | tail -n 20 >&2
        echo "Could not install. Try: $update && $install" >&2
        exit 3
    fi
    hash -r
    for package in "${missing[@]}"; do
        package_present "$package" || still+=("$package")
    done
    if [ ${#still[@]} -gt 0 ]; then
        echo "Installed, but not usable: ${still[*]}" >&2
        exit 3
    fi
}

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds a peer in Rust: `rust.sh build SOURCE PROGRAM [OBJECT...]` makes the program, and
# `rust.sh missing SOURCE` prints why it cannot (nothing: it can). SOURCE names the crates it needs
# in lines `// crate: NAME = WHAT-CARGO-EXPECTS`; they come from Debian's packages, never from the
# network, and nothing is written outside the folder of PROGRAM. The first cargo on the PATH builds;
# a newer one than Debian's may not like the crates of Debian, so Debian's own is tried next.
set -u

registry=/usr/share/cargo/registry

crates()
{
    sed -n 's,^// crate: *,,p' "$1"
}

cargos()
{
    { command -v cargo; echo /usr/bin/cargo; } | while read -r cargo; do
        [ ! -x "$cargo" ] || echo "$cargo"
    done
}

missing()
{
    local name

    if [ -z "$(cargos)" ]; then
        echo "cargo (packages cargo and rustc) was not found"
        return
    fi
    for name in $(crates "$1" | sed 's/ *=.*//'); do
        if ! compgen -G "$registry/$name-[0-9]*" > /dev/null; then
            echo "the crate $name (package librust-${name//_/-}-dev) was not found"
            return
        fi
    done
}

build()
{
    local source=$1 program=$2 folder=$2.cargo name cargo link=() object

    shift 2
    for object in "$@"; do
        link+=(-C "link-arg=$object")
    done
    name=$(basename "$program")
    mkdir -p "$folder/.cargo"
    cat > "$folder/.cargo/config.toml" << END
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$registry"
END
    cat > "$folder/Cargo.toml" << END
[package]
name = "$name"
version = "0.1.0"
edition = "2021"
[[bin]]
name = "$name"
path = "$source"
[dependencies]
$(crates "$source")
[profile.release]
opt-level = 3
lto = "fat"
codegen-units = 1
panic = "abort"
[workspace]
END
    for cargo in $(cargos); do
        rm -f "$folder/Cargo.lock"
        # A rustc on the PATH belongs to the cargo on the PATH; Debian's cargo gets Debian's.
        if (cd "$folder" && PATH=$(dirname "$cargo"):$PATH CARGO_HOME=$folder/home \
                "$cargo" rustc --quiet --release --offline --target-dir "$folder/target" -- \
                "${link[@]}"); then
            cp "$folder/target/release/$name" "$program"
            return
        fi
    done
    return 1
}

"$@"

# SPDX-License-Identifier: MIT
#
# CMake toolchain: AArch64 with Debian's cross compilers, run by QEMU's user emulation. The
# libraries come from LEAT_SYSROOT, which tests/arm64 fills; the C library from the cross compilers.
# Linked statically, so that the emulator needs nothing of the machine.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LEAT_SYSROOT)

set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH ${LEAT_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# With the index of unwind tables that our dumps look for; gcc leaves it out of static programs.
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-static -Wl,--eh-frame-hdr -L${LEAT_SYSROOT}/usr/lib/aarch64-linux-gnu")

# The emulator has no io_uring, but its code is to be compiled.
set(ENV{PKG_CONFIG_LIBDIR} ${LEAT_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${LEAT_SYSROOT})

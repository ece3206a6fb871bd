// SPDX-License-Identifier: MIT
// clang: libomp
// The same tasks and loops, compiled by clang, on LLVM's OpenMP library.
#include "openmp.cc"

/* SPDX-License-Identifier: MIT */
#include <leat/procs.h>
#include <leat/testing.h>

int main(int argc, char **argv)
{
    leat_procs_main(argc, argv);
    return leat_sim_main(argc, argv);
}

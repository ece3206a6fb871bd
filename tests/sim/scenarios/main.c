/* SPDX-License-Identifier: MIT */
#include <leat/testing.h>

int main(int argc, char **argv)
{
    return leat_sim_main(argc, argv);
}

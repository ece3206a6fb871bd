#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's own process pool, with as many processes as the question has workers."""
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def nothing(value):
    return value


def in_turn(pool, calls):
    for i in range(calls):
        assert pool.submit(nothing, i).result() == i


def at_once(pool, calls):
    window = [pool.submit(nothing, i) for i in range(32)]
    for i in range(32, calls):
        assert window[i % 32].result() == i - 32
        window[i % 32] = pool.submit(nothing, i)
    for future in window:
        future.result()


def main():
    question, workers, samples = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    calls = 1000
    body = at_once if question == "procs_pipelined" else in_turn
    with ProcessPoolExecutor(workers) as pool:
        for sample in range(-1, samples):  # the first warms up
            start = time.monotonic()
            body(pool, calls)
            if sample >= 0:
                print(f"sample {(time.monotonic() - start) / calls * 1e6:.9g}", flush=True)


main()

// SPDX-License-Identifier: MIT

// A goroutine behind an unbuffered channel, which is how Go hands values out one at a time.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	const steps = 10000000
	numbers := make(chan uint64)
	go func() {
		for i := uint64(0); ; i++ {
			numbers <- i
		}
	}()
	sum := uint64(0)
	for sample := -1; sample < samples; sample++ { // the first warms up
		start := time.Now()
		for i := 0; i < steps/10; i++ {
			sum += <-numbers
		}
		if sample >= 0 {
			fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/(steps/10))
		}
	}
	all := uint64(steps/10) * uint64(samples+1)
	if sum != all*(all-1)/2 {
		panic("a step was lost")
	}
}

// SPDX-License-Identifier: MIT

// Go has no broadcast: a channel for each receiver, and who sends goes through them all.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const (
	elements  = 20000
	receivers = 100
	capacity  = 128
)

func run() uint64 {
	var chans [receivers]chan uint64
	sums := make(chan uint64, receivers)
	for i := range chans {
		c := make(chan uint64, capacity)
		chans[i] = c
		go func() {
			sum := uint64(0)
			for n := range c {
				sum += n
			}
			sums <- sum
		}()
	}
	for n := uint64(1); n <= elements; n++ {
		for _, c := range chans {
			c <- n
		}
	}
	total := uint64(0)
	for _, c := range chans {
		close(c)
	}
	for range chans {
		total += <-sums
	}
	return total
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	total := run() // warms up
	for sample := 0; sample < samples; sample++ {
		start := time.Now()
		total = run()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/(elements*receivers))
	}
	fmt.Printf("check %016x\n", total)
}

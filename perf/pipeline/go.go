// SPDX-License-Identifier: MIT

// A goroutine a stage, a channel between each two, closed by who sends.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const numbers = 1000000

func addOne(in <-chan uint64, out chan<- uint64) {
	for n := range in {
		out <- n + 1
	}
	close(out)
}

func run() uint64 {
	var chans [4]chan uint64
	for i := range chans {
		chans[i] = make(chan uint64, 64)
	}
	go func() {
		for n := uint64(0); n < numbers; n++ {
			chans[0] <- n
		}
		close(chans[0])
	}()
	for i := 0; i < 3; i++ {
		go addOne(chans[i], chans[i+1])
	}
	sum := uint64(0)
	for n := range chans[3] {
		sum += n
	}
	return sum
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	sum := run() // warms up
	for sample := 0; sample < samples; sample++ {
		start := time.Now()
		sum = run()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/numbers)
	}
	fmt.Printf("check %016x\n", sum)
}

// SPDX-License-Identifier: MIT

// Two goroutines and two channels; across threads each is locked to one of its own.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func echo(requests <-chan int64, replies chan<- int64, locked bool) {
	if locked {
		runtime.LockOSThread()
	}
	for value := range requests {
		replies <- value
	}
	close(replies)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	rounds, capacity, locked := 1000000, 0, false
	switch os.Args[1] {
	case "pingpong_buffered":
		capacity = 1
	case "pingpong_across":
		rounds, capacity, locked = 10000, 1, true
		runtime.LockOSThread()
	}
	requests, replies := make(chan int64, capacity), make(chan int64, capacity)
	go echo(requests, replies, locked)
	for sample := -1; sample < samples; sample++ { // the first warms up
		start := time.Now()
		for i := 0; i < rounds; i++ {
			requests <- int64(i)
			if <-replies != int64(i) {
				panic("a reply to another request")
			}
		}
		if sample >= 0 {
			fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/float64(rounds))
		}
	}
}

// SPDX-License-Identifier: MIT

// A goroutine locked to a thread of its own, and two channels. (A blocking call needs none of that
// in Go: any goroutine may make one, and the scheduler starts another thread.)
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
	const calls = 20000
	requests, replies := make(chan int), make(chan int)
	go func() {
		runtime.LockOSThread()
		for value := range requests {
			replies <- value
		}
	}()
	for sample := -1; sample < samples; sample++ { // the first warms up
		start := time.Now()
		for i := 0; i < calls; i++ {
			requests <- i
			<-replies
		}
		if sample >= 0 {
			fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/calls/1000)
		}
	}
}

// SPDX-License-Identifier: MIT

// Goroutines that wait at a gate until all are there, and then yield.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func run(tasks int, all int) float64 {
	var up, down sync.WaitGroup
	gate := make(chan struct{})
	each := all / tasks
	up.Add(tasks)
	down.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			up.Done()
			<-gate
			for j := 0; j < each; j++ {
				runtime.Gosched()
			}
			down.Done()
		}()
	}
	up.Wait()
	start := time.Now()
	close(gate)
	down.Wait()
	return float64(time.Since(start).Nanoseconds()) / float64(each*tasks)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	tasks, _ := strconv.Atoi(strings.TrimPrefix(os.Args[1], "yield_"))
	runtime.GOMAXPROCS(workers)
	all := 10000000
	if tasks > 1000 {
		all = 5000000
	}
	for i := -1; i < samples; i++ { // the first warms up
		if value := run(tasks, all); i >= 0 {
			fmt.Printf("sample %.9g\n", value)
		}
	}
}

// SPDX-License-Identifier: MIT

// Goroutines that pass a buffered channel, which is Go's semaphore.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const tasks, permits = 100000, 100

var semaphore = make(chan struct{}, permits)

func allPass() {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			semaphore <- struct{}{}
			runtime.Gosched()
			<-semaphore
			group.Done()
		}()
	}
	group.Wait()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	allPass()
	for i := 0; i < samples; i++ {
		start := time.Now()
		allPass()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/tasks)
	}
	fmt.Printf("check %016x\n", permits-len(semaphore))
}

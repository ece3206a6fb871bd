// SPDX-License-Identifier: MIT

// Goroutines that count under one sync.Mutex.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const tasks, rounds = 100, 20000

var mutex sync.Mutex
var count uint64

func allCount() {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < rounds; j++ {
				mutex.Lock()
				count++
				mutex.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	allCount()
	for i := 0; i < samples; i++ {
		start := time.Now()
		allCount()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/(tasks*rounds))
	}
	fmt.Printf("check %016x\n", count)
}

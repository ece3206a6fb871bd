// SPDX-License-Identifier: MIT

// Goroutines in a wait group: a million at once, or one after the other.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const tasks = 1000000

func spawnFlat() {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go group.Done()
	}
	group.Wait()
}

func spawnOne() {
	var group sync.WaitGroup
	for i := 0; i < tasks; i++ {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	body := spawnFlat
	if os.Args[1] == "spawn_one" {
		body = spawnOne
	}
	body()
	for i := 0; i < samples; i++ {
		start := time.Now()
		body()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/tasks)
	}
}

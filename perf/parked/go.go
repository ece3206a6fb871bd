// SPDX-License-Identifier: MIT

// Goroutines that wait for a context's end; goroutines that sleep until one instant.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const parked, rounds, sleepers = 1000, 100, 1000000

func cancelOnce() int64 {
	var up, down sync.WaitGroup
	end, cancel := context.WithCancel(context.Background())
	up.Add(parked)
	down.Add(parked)
	for i := 0; i < parked; i++ {
		go func() {
			up.Done()
			<-end.Done()
			down.Done()
		}()
	}
	up.Wait()
	runtime.Gosched() // the last one parks
	start := time.Now()
	cancel()
	down.Wait()
	return time.Since(start).Nanoseconds()
}

func resident() float64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	status, _ := os.ReadFile("/proc/self/status")
	_, tables, _ := strings.Cut(string(status), "VmPTE:")
	kib, _ := strconv.ParseFloat(strings.Fields(tables)[0], 64)
	return pages*4096 + kib*1024
}

func sleepAll(memory bool) {
	var up, down sync.WaitGroup
	before := resident()
	when := time.Now().Add(8 * time.Second)
	up.Add(sleepers)
	down.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		go func() {
			up.Done()
			time.Sleep(time.Until(when))
			down.Done()
		}()
	}
	up.Wait()
	if time.Until(when) < 500*time.Millisecond {
		fmt.Println("skip this machine takes too long to put a million goroutines to sleep")
		os.Exit(77)
	}
	if memory {
		time.Sleep(100 * time.Millisecond)
		fmt.Printf("sample %.9g\n", (resident()-before)/sleepers)
		return
	}
	down.Wait()
	fmt.Printf("sample %.9g\n", float64(time.Since(when).Nanoseconds())/1e6)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	if os.Args[1] != "cancel_parked" {
		sleepAll(os.Args[1] == "sleep_memory")
		return
	}
	for sample := -1; sample < samples; sample++ { // the first warms up
		var sum int64
		for i := 0; i < rounds; i++ {
			sum += cancelOnce()
		}
		if sample >= 0 {
			fmt.Printf("sample %.9g\n", float64(sum)/rounds/parked)
		}
	}
}

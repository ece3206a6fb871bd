// SPDX-License-Identifier: MIT

// Elements through channels: one to one, many to many, select, a pipeline, and from a thread.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	elements = 2000000
	staged   = 1000000
	stages   = 4
	many     = 4
)

func sendAll(c chan<- uint64, count uint64) {
	for i := uint64(1); i <= count; i++ {
		c <- i
	}
}

func check(sum, senders, each uint64) {
	if sum != senders*(each*(each+1)/2) {
		panic("not every element was received once")
	}
}

func pass(capacity, senders, receivers int, locked bool) {
	c := make(chan uint64, capacity)
	sums := make(chan uint64, receivers)
	each := uint64(elements / senders)
	var sending sync.WaitGroup
	for i := 0; i < receivers; i++ {
		go func() {
			sum := uint64(0)
			for v := range c {
				sum += v
			}
			sums <- sum
		}()
	}
	sending.Add(senders)
	for i := 0; i < senders; i++ {
		go func() {
			if locked {
				runtime.LockOSThread()
			}
			sendAll(c, each)
			sending.Done()
		}()
	}
	sending.Wait()
	close(c)
	sum := uint64(0)
	for i := 0; i < receivers; i++ {
		sum += <-sums
	}
	check(sum, uint64(senders), each)
}

func choose() {
	var c [many]chan uint64
	for i := range c {
		c[i] = make(chan uint64, 128)
		go sendAll(c[i], elements/many)
	}
	sum := uint64(0)
	for i := 0; i < elements; i++ {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v
		case v := <-c[2]:
			sum += v
		case v := <-c[3]:
			sum += v
		}
	}
	check(sum, many, elements/many)
}

func pipeline() {
	var c [stages]chan uint64
	for i := range c {
		c[i] = make(chan uint64, 128)
	}
	for i := 0; i+1 < stages; i++ {
		go func(in <-chan uint64, out chan<- uint64) {
			for v := range in {
				out <- v
			}
			close(out)
		}(c[i], c[i+1])
	}
	go func() {
		sendAll(c[0], staged)
		close(c[0])
	}()
	sum := uint64(0)
	for v := range c[stages-1] {
		sum += v
	}
	check(sum, 1, staged)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	for sample := -1; sample < samples; sample++ { // the first warms up
		start, count := time.Now(), elements
		switch os.Args[1] {
		case "chan_one_128", "chan_spsc_128":
			pass(128, 1, 1, false)
		case "chan_one_1024", "chan_spsc_1024":
			pass(1024, 1, 1, false)
		case "chan_many":
			pass(1024, many, many, false)
		case "chan_thread":
			pass(1024, 1, 1, true)
		case "chan_select":
			choose()
		case "chan_pipeline":
			pipeline()
			count = staged
		}
		if sample >= 0 {
			fmt.Printf("sample %.9g\n", float64(count)*1e3/float64(time.Since(start).Nanoseconds()))
		}
	}
}

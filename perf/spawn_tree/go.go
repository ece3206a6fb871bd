// SPDX-License-Identifier: MIT

// A tree of goroutines; skynet's numbers go up through channels.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const depth, leaves, children = 19, 1000000, 10

func tree(depth int) {
	if depth == 0 {
		return
	}
	var group sync.WaitGroup
	group.Add(2)
	for i := 0; i < 2; i++ {
		go func() { tree(depth - 1); group.Done() }()
	}
	group.Wait()
}

func skynet(up chan int64, number int64, size int64) {
	if size == 1 {
		up <- number
		return
	}
	own := make(chan int64)
	var sum int64
	for i := int64(0); i < children; i++ {
		go skynet(own, number+i*(size/children), size/children)
	}
	for i := 0; i < children; i++ {
		sum += <-own
	}
	up <- sum
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	per := float64(int(2)<<depth - 2)
	body := func() { tree(depth) }
	if os.Args[1] == "skynet" {
		per = 1e6
		body = func() {
			up := make(chan int64)
			go skynet(up, 0, leaves)
			if <-up != leaves*(leaves-1)/2 {
				panic("the sum is wrong")
			}
		}
	}
	body()
	for i := 0; i < samples; i++ {
		start := time.Now()
		body()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/per)
	}
}

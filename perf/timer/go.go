// SPDX-License-Identifier: MIT

// Go's timers: AfterFunc and Stop, and goroutines that sleep until random instants.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

const timers = 1000000

var state uint64 = 88172645463325252

func random() uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

func expire() {
	panic("a timer expired that was stopped")
}

func hot() {
	for i := 0; i < timers; i++ {
		time.AfterFunc(10*time.Second, expire).Stop()
	}
}

func million() {
	all := make([]*time.Timer, timers)
	for i := range all {
		all[i] = time.AfterFunc(10*time.Second+time.Duration(random()%10e9), expire)
	}
	for _, timer := range all {
		timer.Stop()
	}
}

func late() {
	var down sync.WaitGroup
	late := make([]float64, timers)
	for i := range late {
		late[i] = 1 // its pages are there before the first sleep ends
	}
	base := time.Now().Add(5 * time.Second)
	down.Add(timers)
	for i := range late {
		when := base.Add(time.Duration(random() % 2e9))
		go func(i int) {
			time.Sleep(time.Until(when))
			late[i] = float64(time.Since(when).Nanoseconds()) / 1e6
			down.Done()
		}(i)
	}
	down.Wait()
	sort.Float64s(late)
	if late[0] < 0 {
		panic("a sleep was short")
	}
	fmt.Printf("sample %.9g\n", late[timers*99/100])
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	body := hot
	switch os.Args[1] {
	case "timer_late":
		late()
		return
	case "timer_million":
		body = million
	}
	body()
	for i := 0; i < samples; i++ {
		start := time.Now()
		body()
		fmt.Printf("sample %.9g\n", float64(time.Since(start).Nanoseconds())/timers)
	}
}

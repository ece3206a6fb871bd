// SPDX-License-Identifier: MIT

// Goroutines that compute, and what stands behind them.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const rounds = 9

var perMs uint64
var sink uint64

// A chain of multiplications, as in compute.c. What it gives is used, so it is not optimised away.
//
//go:noinline
func turn(turns uint64) uint64 {
	x := uint64(1)
	for i := uint64(0); i < turns; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

func compute(turns uint64) {
	if turn(turns) == 0 {
		atomic.AddUint64(&sink, 1)
	}
}

func calibrate() {
	best := time.Hour
	for i := 0; i < 20; i++ {
		begin := time.Now()
		compute(500000)
		if took := time.Since(begin); took < best {
			best = took
		}
	}
	perMs = uint64(500000 * float64(time.Millisecond) / float64(best))
}

func spread() float64 {
	var done sync.WaitGroup
	done.Add(2)
	begin := time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			compute(perMs)
			done.Done()
		}()
	}
	done.Wait()
	return float64(time.Since(begin)) / 1e6
}

func ready() float64 {
	var done sync.WaitGroup
	var released time.Time
	var waited time.Duration
	permit := make(chan bool)
	done.Add(2)
	go func() {
		<-permit
		waited = time.Since(released)
		done.Done()
	}()
	go func() {
		time.Sleep(2 * time.Millisecond)
		released = time.Now()
		permit <- true
		compute(10 * perMs)
		done.Done()
	}()
	done.Wait()
	return float64(waited) / 1e3
}

func request() float64 {
	var answered, computing int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	go func() {
		conn, _ := listener.Accept()
		go func() {
			atomic.StoreInt32(&computing, 1)
			for i := 0; i < 1000 && atomic.LoadInt32(&answered) == 0; i++ {
				compute(perMs)
			}
		}()
		buffer := make([]byte, 1)
		conn.Read(buffer)
		conn.Write(buffer)
		conn.Close()
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	for atomic.LoadInt32(&computing) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	begin := time.Now()
	buffer := []byte{'x'}
	conn.Write(buffer)
	conn.Read(buffer)
	waited := time.Since(begin)
	atomic.StoreInt32(&answered, 1)
	conn.Close()
	return float64(waited) / 1e6
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	measure := map[string]func() float64{
		"hog_spread": spread, "hog_ready": ready, "hog_io": request}[os.Args[1]]
	calibrate()
	measure()
	for i := 0; i < samples; i++ {
		values := make([]float64, rounds)
		for round := range values {
			values[round] = measure()
		}
		sort.Float64s(values)
		fmt.Printf("sample %f\n", values[rounds/2])
	}
}

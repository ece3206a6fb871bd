// SPDX-License-Identifier: MIT

// A goroutine for each job, joined by a WaitGroup.
package main

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	fibN   = 27 // of what the others take: a fork and join takes so much longer
	queens = 12
	matrix = 1024
	leaf   = 64
	ints   = 10000000
	sorted = 4096
	loop   = 100000000
	piece  = 4096
	many   = 1000000
	trips  = 20000
)

var workers int

func fib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	var a uint64
	var group sync.WaitGroup
	group.Add(1)
	go func() { a = fib(n - 1); group.Done() }()
	b := fib(n - 2)
	group.Wait()
	return a + b
}

func safe(board *[16]int8, row, column int) bool {
	for i := 0; i < row; i++ {
		d := int(board[i]) - column
		if d == 0 || d == row-i || d == i-row {
			return false
		}
	}
	return true
}

func countQueens(row int, board [16]int8) uint64 {
	if row == queens {
		return 1
	}
	var counts [queens]uint64
	var group sync.WaitGroup
	for column := 0; column < queens; column++ {
		if safe(&board, row, column) {
			next := board
			next[row] = int8(column)
			count := &counts[column]
			group.Add(1)
			go func() { *count = countQueens(row+1, next); group.Done() }()
		}
	}
	group.Wait()
	var sum uint64
	for _, count := range counts {
		sum += count
	}
	return sum
}

type node struct {
	state  [20]byte
	height int
}

func children(n *node) int {
	if n.height >= 10 {
		return 0
	}
	random := binary.BigEndian.Uint32(n.state[16:]) & 0x7fffffff
	count := int(math.Floor(math.Log(1-float64(random)/2147483648) / math.Log(1-1.0/5)))
	if count > 100 {
		count = 100
	}
	return count
}

func search(n node) uint64 {
	count := children(&n)
	if count == 0 {
		return 1
	}
	counts := make([]uint64, count)
	one := func(i int) {
		var message [24]byte
		copy(message[:], n.state[:])
		binary.BigEndian.PutUint32(message[20:], uint32(i))
		counts[i] = search(node{sha1.Sum(message[:]), n.height + 1})
	}
	var group sync.WaitGroup
	group.Add(count - 1)
	for i := 0; i < count-1; i++ {
		i := i
		go func() { one(i); group.Done() }()
	}
	one(count - 1)
	group.Wait()
	sum := uint64(1)
	for _, count := range counts {
		sum += count
	}
	return sum
}

func searchAll() uint64 {
	var message [20]byte
	message[19] = 19
	return search(node{sha1.Sum(message[:]), 0})
}

func multiplyLeaf(a, b, c []float64) {
	for i := 0; i < leaf; i++ {
		row := c[i*matrix : i*matrix+leaf]
		for k := 0; k < leaf; k++ {
			factor := a[i*matrix+k]
			line := b[k*matrix : k*matrix+leaf]
			for j, value := range line {
				row[j] += factor * value
			}
		}
	}
}

func multiply(a, b, c []float64, n int) {
	if n == leaf {
		multiplyLeaf(a, b, c)
		return
	}
	h := n / 2
	for k := 0; k < 2; k++ {
		var group sync.WaitGroup
		group.Add(4)
		for q := 0; q < 4; q++ {
			i, j, k := q/2, q%2, k
			go func() {
				multiply(a[i*h*matrix+k*h:], b[k*h*matrix+j*h:], c[i*h*matrix+j*h:], h)
				group.Done()
			}()
		}
		group.Wait()
	}
}

func merge(a, b, out []int32) {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)+len(b) <= sorted {
		for len(a) > 0 && len(b) > 0 {
			if b[0] < a[0] {
				out[0], b = b[0], b[1:]
			} else {
				out[0], a = a[0], a[1:]
			}
			out = out[1:]
		}
		copy(out, a)
		copy(out[len(a):], b)
		return
	}
	m := len(a) / 2
	k := sort.Search(len(b), func(i int) bool { return b[i] >= a[m] })
	var group sync.WaitGroup
	group.Add(1)
	go func() { merge(a[:m], b[:k], out[:m+k]); group.Done() }()
	merge(a[m:], b[k:], out[m+k:])
	group.Wait()
}

func mergeSort(keys, buffer []int32, intoBuffer bool) {
	if len(keys) <= sorted {
		sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
		if intoBuffer {
			copy(buffer, keys)
		}
		return
	}
	h := len(keys) / 2
	var group sync.WaitGroup
	group.Add(1)
	go func() { mergeSort(keys[:h], buffer[:h], !intoBuffer); group.Done() }()
	mergeSort(keys[h:], buffer[h:], !intoBuffer)
	group.Wait()
	if intoBuffer {
		merge(keys[:h], keys[h:], buffer)
	} else {
		merge(buffer[:h], buffer[h:], keys)
	}
}

func hashSum(begin, end uint64) uint64 {
	var sum uint64
	for i := begin; i < end; i++ {
		x := uint32(i)
		x ^= x >> 16
		x *= 0x7feb352d
		x ^= x >> 15
		x *= 0x846ca68b
		x ^= x >> 16
		sum += uint64(x & 0xff)
	}
	return sum
}

func hashAll() uint64 {
	var next, sum uint64
	var group sync.WaitGroup
	group.Add(workers)
	for w := 0; w < workers; w++ {
		go func() {
			defer group.Done()
			var mine uint64
			for {
				begin := atomic.AddUint64(&next, piece) - piece
				if begin >= loop {
					break
				}
				end := begin + piece
				if end > loop {
					end = loop
				}
				mine += hashSum(begin, end)
			}
			atomic.AddUint64(&sum, mine)
		}()
	}
	group.Wait()
	return sum
}

func forkAll() {
	var group sync.WaitGroup
	group.Add(many)
	for i := 0; i < many; i++ {
		go group.Done()
	}
	group.Wait()
}

func trip() {
	done := make(chan struct{})
	go close(done)
	<-done
}

func cpuMs() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e6
}

func random(state *uint64) uint64 {
	*state ^= *state << 13
	*state ^= *state >> 7
	*state ^= *state << 17
	return *state
}

func sample(value float64) { fmt.Printf("sample %.9e\n", value) }
func check(value uint64)   { fmt.Printf("check %016x\n", value) }

// Once unreported, then once a sample; set up anew for each.
func measure(samples int, per float64, setUp func(), body func()) {
	for i := -1; i < samples; i++ {
		setUp()
		start := time.Now()
		body()
		if i >= 0 {
			sample(float64(time.Since(start)) / per)
		}
	}
}

func measureMatrix(samples int) {
	a, b, c := make([]float64, matrix*matrix), make([]float64, matrix*matrix),
		make([]float64, matrix*matrix)
	setUp := func() {
		for i := range c {
			a[i], b[i], c[i] = float64(i%7)-3, float64(i%5)-2, 0
		}
	}
	measure(samples, 1e6, setUp, func() { multiply(a, b, c, matrix) })
	var digest uint64
	for _, value := range c {
		digest = digest*31 + uint64(int64(value))
	}
	check(digest)
}

func measureMerge(samples int) {
	keys, buffer := make([]int32, ints), make([]int32, ints)
	setUp := func() {
		state := uint64(88172645463325252)
		for i := range keys {
			keys[i] = int32(random(&state) >> 33)
		}
	}
	measure(samples, 1e6, setUp, func() { mergeSort(keys, buffer, false) })
	var digest uint64
	for _, key := range keys {
		digest = digest*31 + uint64(key)
	}
	check(digest)
}

func measureIdle(samples int) {
	for i := 0; i < samples; i++ {
		fib(20)
		time.Sleep(100 * time.Millisecond)
		start := cpuMs()
		time.Sleep(time.Second)
		sample(cpuMs() - start)
	}
}

func measureCold(samples int) {
	for i := 0; i < samples; i++ {
		took := make([]float64, 200)
		for j := range took {
			time.Sleep(time.Millisecond)
			start := time.Now()
			trip()
			took[j] = float64(time.Since(start)) / 1e3
		}
		sort.Float64s(took)
		sample(took[len(took)/2])
	}
}

func main() {
	workers, _ = strconv.Atoi(os.Args[2])
	samples, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	var result uint64
	nothing := func() {}
	keep := func(f func() uint64) func() { return func() { result = f() } }
	switch os.Args[1] {
	case "fork_fib": // no check: it is another number
		forks := float64(fib(fibN+1) - 1)
		measure(samples, forks, nothing, keep(func() uint64 { return fib(fibN) }))
	case "fork_queens":
		measure(samples, 1e6, nothing, keep(func() uint64 { return countQueens(0, [16]int8{}) }))
		check(result)
	case "fork_uts":
		measure(samples, 1e6, nothing, keep(searchAll))
		check(result)
	case "fork_matrix":
		measureMatrix(samples)
	case "fork_merge":
		measureMerge(samples)
	case "loop":
		measure(samples, 1e6, nothing, keep(hashAll))
		check(result)
	case "fork_flat", "outside_many":
		measure(samples, 1e6, nothing, forkAll)
		check(0)
	case "outside_warm":
		measure(samples, 1e3*trips, nothing, func() {
			for i := 0; i < trips; i++ {
				trip()
			}
		})
		check(0)
	case "outside_cold":
		measureCold(samples)
	case "idle":
		measureIdle(samples)
	}
}

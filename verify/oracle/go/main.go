// Command goprobe keeps the Go scheduler busy around system calls and records its own execution trace, for the spec
// of the scheduler to be held against; or measures what a system call costs over the raw one; or looks for a stop of the
// world that never ends because a call that does not return slips by it.
//
// Everything that it does is counted by its flags. What the scheduler makes of it is not deterministic.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var (
	out      = flag.String("trace", "", "file for the execution trace")
	callers  = flag.Int("callers", 4, "goroutines that make short system calls")
	calls    = flag.Int("calls", 400, "short system calls of each of them")
	sleepers = flag.Int("sleepers", 3, "goroutines that make calls that block")
	sleeps   = flag.Int("sleeps", 20, "blocking calls of each of them")
	sleepUs  = flag.Int("sleep-us", 300, "how long such a call blocks, in microseconds")
	pipes    = flag.Int("pipes", 2, "pairs of goroutines that hand bytes through a pipe that the network poller does not watch")
	passed   = flag.Int("bytes", 30, "bytes through each pipe")
	locked   = flag.Int("locked", 2, "goroutines locked to their threads")
	stops    = flag.Int("stops", 6, "rounds of stopping the world: statistics, a change of GOMAXPROCS")
	collects = flag.Int("collections", 2, "of these rounds, how many also collect garbage or return memory, by turns")
	procs    = flag.String("procs", "2,4,1,3", "values of GOMAXPROCS, in turn; the first is the one to begin with")
	escape   = flag.Int("escape", 0, "for so many seconds, stop the world while goroutines enter calls that return only afterwards, and do nothing else")
	escaping = flag.Bool("escaping", false, "be the process that -escape watches")
	measure  = flag.Int("measure", 0, "make so many calls each way, print their costs in nanoseconds, and do nothing else")
)

func main() {
	flag.Parse()
	if *measure > 0 {
		printCosts(*measure)
		return
	}
	if *escaping {
		stopWhileEntering(time.Duration(*escape) * time.Second)
		return
	}
	if *escape > 0 {
		watchEscape(*escape)
		return
	}
	numbers, err := readProcs(*procs)
	if err != nil || *out == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "goprobe: -trace FILE is needed, -procs takes numbers with commas, and there are no other arguments")
		os.Exit(2)
	}
	runtime.GOMAXPROCS(numbers[0])
	file, err := os.Create(*out)
	check(err)
	check(trace.Start(file))
	work(numbers)
	trace.Stop()
	check(file.Close())
}

func readProcs(text string) ([]int, error) {
	var numbers []int
	for _, word := range strings.Split(text, ",") {
		number, err := strconv.Atoi(word)
		if err != nil || number < 1 {
			return nil, fmt.Errorf("%q is no number of processors", word)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "goprobe:", err)
		os.Exit(1)
	}
}

func work(numbers []int) {
	var all sync.WaitGroup
	begin := func(count int, body func()) {
		for i := 0; i < count; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				body()
			}()
		}
	}
	begin(*callers, func() { callOften(*calls) })
	begin(*sleepers, func() { sleepOften(*sleeps) })
	begin(*locked, func() {
		runtime.LockOSThread()
		for i := 0; i < *sleeps; i++ {
			callOften(5)
			sleepOften(1)
			runtime.Gosched()
		}
		runtime.UnlockOSThread()
	})
	for i := 0; i < *pipes; i++ {
		var ends [2]int
		check(syscall.Pipe(ends[:]))
		begin(1, func() { readAll(ends[0]) })
		begin(1, func() { writeAll(ends[1]) })
	}
	begin(1, func() { stopOften(numbers) })
	all.Wait()
}

// callOften makes calls that return at once.
func callOften(count int) {
	for i := 0; i < count; i++ {
		syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0)
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
}

// sleepOften makes calls that block in the kernel.
func sleepOften(count int) {
	for i := 0; i < count; i++ {
		span := syscall.NsecToTimespec(int64(*sleepUs) * 1000)
		syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&span)), 0, 0)
	}
}

func readAll(end int) {
	var one [1]byte
	for i := 0; i < *passed; i++ {
		_, err := syscall.Read(end, one[:])
		check(err)
	}
	check(syscall.Close(end))
}

func writeAll(end int) {
	for i := 0; i < *passed; i++ {
		if i%3 == 0 {
			sleepOften(1)
		}
		_, err := syscall.Write(end, []byte{byte(i)})
		check(err)
	}
	check(syscall.Close(end))
}

// stopOften stops the world, for each of the reasons that a program can give.
func stopOften(numbers []int) {
	var stats runtime.MemStats
	for i := 0; i < *stops; i++ {
		runtime.ReadMemStats(&stats)
		time.Sleep(time.Duration(*sleepUs) * time.Microsecond)
		runtime.GOMAXPROCS(numbers[(i+1)%len(numbers)])
		sleepOften(2)
		switch {
		case i >= *collects:
		case i%2 == 0:
			runtime.GC()
		default:
			debug.FreeOSMemory()
		}
	}
}

// watchEscape has another process stop the world, and tells whether its last stop ended. It asks for that one's
// goroutines if not: one that waits for the world to stop, and one in a call, are what slipping by looks like.
func watchEscape(seconds int) {
	var told, dump bytes.Buffer
	child := exec.Command(os.Args[0], "-escaping", "-escape", strconv.Itoa(seconds))
	child.Stdout, child.Stderr = &told, &dump
	check(child.Start())
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	verdict := "every stop ended"
	select {
	case err := <-ended:
		check(err)
	case <-time.After(time.Duration(seconds)*time.Second + 10*time.Second):
		check(child.Process.Signal(syscall.SIGQUIT))
		<-ended
		verdict = "a stop did not end in ten seconds, for another reason"
		if bytes.Contains(dump.Bytes(), []byte("[stopping the world")) && bytes.Contains(dump.Bytes(), []byte("[syscall")) {
			verdict = "a stop did not end in ten seconds: one goroutine is stopping the world, others are in calls"
		}
	}
	lines := bytes.Split(bytes.TrimSpace(told.Bytes()), []byte("\n"))
	fmt.Printf("version %s\n%s\n%s\n", runtime.Version(), lines[len(lines)-1], verdict)
}

// stopWhileEntering stops the world again and again, each time while three goroutines enter calls that cannot return before
// this one has written to their pipes.
func stopWhileEntering(span time.Duration) {
	const readers = 3
	runtime.GOMAXPROCS(readers + 1)
	ready := make(chan struct{}, readers)
	var writeEnds [readers]int
	for i := range writeEnds {
		var ends [2]int
		check(syscall.Pipe(ends[:]))
		writeEnds[i] = ends[1]
		go func(i, end int) {
			var one [1]byte
			for {
				ready <- struct{}{}
				callOften(50 * i)
				_, err := syscall.Read(end, one[:])
				check(err)
			}
		}(i, ends[0])
	}
	var stats runtime.MemStats
	end := time.Now().Add(span)
	for stops := 0; time.Now().Before(end); {
		for range writeEnds {
			<-ready
		}
		for i := 0; i < 3; i++ {
			runtime.ReadMemStats(&stats)
			stops++
		}
		if stops%300 == 0 {
			fmt.Println("stops", stops)
		}
		for _, end := range writeEnds {
			_, err := syscall.Write(end, []byte{1})
			check(err)
		}
	}
}

// printCosts prints what a call costs that the scheduler knows of, and one that it does not.
func printCosts(count int) {
	cost := func(call func(trap, a1, a2, a3 uintptr) (uintptr, uintptr, syscall.Errno)) float64 {
		start := time.Now()
		for i := 0; i < count; i++ {
			call(syscall.SYS_GETPID, 0, 0, 0)
		}
		return float64(time.Since(start).Nanoseconds()) / float64(count)
	}
	// By turns, and the least of each: what disturbs one round disturbs the next as well.
	with, raw := cost(syscall.Syscall), cost(syscall.RawSyscall)
	for round := 0; round < 20; round++ {
		with, raw = min(with, cost(syscall.Syscall)), min(raw, cost(syscall.RawSyscall))
	}
	fmt.Printf("version %s\nsyscall_ns %.2f\nraw_syscall_ns %.2f\ndifference_ns %.2f\n", runtime.Version(), with, raw, with-raw)
}

func min(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

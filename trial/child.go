package trial

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

// Command is the name of the command that makes the program a child. It is
// none for people.
const Command = "trial"

// exitMemory is the exit code of a child that needs more memory than it has.
const exitMemory = 77

// watchEvery is how often a child looks at its memory.
const watchEvery = 10 * time.Millisecond

// Child is the command: it tries what it reads and says what came of it.
func Child(in io.Reader, out io.Writer) error {
	sacrifice()
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the overlays to try: %w", err)
	}
	request, err := decode(text)
	if err != nil {
		return err
	}
	confine(request.Limits)
	write := json.NewEncoder(out)
	found, failure := try(request, func(at place) { _ = write.Encode(message{At: &at}) })
	if err := write.Encode(message{Done: true, Failure: failure, Kinds: found}); err != nil {
		return fmt.Errorf("say what came of the trial: %w", err)
	}
	return nil
}

// sacrifice makes this process the first to be killed when memory runs out,
// and the last to get a processor.
func sacrifice() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // Linux
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10)
}

// confine ends the process when it takes more memory than it may, or when
// nobody waits for it any longer.
func confine(limits Limits) {
	allowed := inUse() + uint64(max(0, limits.Memory))
	debug.SetMemoryLimit(int64(min(allowed, math.MaxInt64)))
	debug.SetMaxStack(64 << 20)
	// One allocation may be larger than all memory there is.
	address := syscall.Rlimit{Cur: addressSpace() + allowed + 512<<20}
	address.Max = address.Cur
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &address)
	parent := os.Getppid()
	go func() {
		for range time.Tick(watchEvery) {
			if inUse() > allowed || os.Getppid() != parent {
				os.Exit(exitMemory)
			}
		}
	}()
}

// inUse is the memory that the Go runtime holds, without what it has given back.
func inUse() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// addressSpace is how much this process has mapped by now.
func addressSpace() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 64 << 30 // not on Linux: the limit then is none
	}
	var pages uint64
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		return 64 << 30
	}
	return pages * uint64(os.Getpagesize())
}

// Package limiter holds back callers that ask too often.
package limiter

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed is returned by Wait once the bucket was closed.
var ErrClosed = errors.New("limiter: closed")

// Bucket refills at a fixed rate up to its size.
type Bucket struct {
	mu     sync.Mutex
	tokens float64
	size   float64
	rate   float64 // tokens per second
	last   time.Time
	done   chan struct{}
}

// New returns a full bucket.
func New(size int, rate float64) *Bucket {
	return &Bucket{
		tokens: float64(size),
		size:   float64(size),
		rate:   rate,
		last:   time.Now(),
		done:   make(chan struct{}),
	}
}

func (b *Bucket) refill(now time.Time) {
	b.tokens += now.Sub(b.last).Seconds() * b.rate
	if b.tokens > b.size {
		b.tokens = b.size
	}
	b.last = now
}

// take removes a token, or says how long to wait for one.
func (b *Bucket) take() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(time.Now())
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
}

// Wait blocks until a token is there or the context ends.
func (b *Bucket) Wait(ctx context.Context) error {
	for {
		delay := b.take()
		if delay == 0 {
			return nil
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-b.done:
			timer.Stop()
			return ErrClosed
		}
	}
}

// Close wakes all waiting callers.
func (b *Bucket) Close() { close(b.done) }

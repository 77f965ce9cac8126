package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"io"
	"log"
	"math"
	"os"
)

const sampleRate = 44100

// header is the 44 bytes before the samples, exactly as they lie in the file.
type header struct {
	RiffID        [4]byte
	RiffSize      uint32
	WaveID        [4]byte
	FmtID         [4]byte
	FmtSize       uint32
	Format        uint16
	Channels      uint16
	Rate          uint32
	BytesPerSec   uint32
	BlockAlign    uint16
	BitsPerSample uint16
	DataID        [4]byte
	DataSize      uint32
}

func newHeader(samples int) header {
	size := uint32(samples * 2)
	return header{
		RiffID: [4]byte{'R', 'I', 'F', 'F'}, RiffSize: 36 + size,
		WaveID: [4]byte{'W', 'A', 'V', 'E'},
		FmtID:  [4]byte{'f', 'm', 't', ' '}, FmtSize: 16, Format: 1,
		Channels: 1, Rate: sampleRate, BytesPerSec: sampleRate * 2,
		BlockAlign: 2, BitsPerSample: 16,
		DataID: [4]byte{'d', 'a', 't', 'a'}, DataSize: size,
	}
}

// pluck is a string after Karplus and Strong: noise that runs around a loop and is smoothed there.
func pluck(freq float64, n int, noise func() float64) []float64 {
	loop := make([]float64, int(sampleRate/freq+0.5))
	for i := range loop {
		loop[i] = noise()
	}
	out := make([]float64, n)
	for i := range out {
		at := i % len(loop)
		following := (at + 1) % len(loop)
		out[i] = loop[at]
		loop[at] = 0.498 * (loop[at] + loop[following])
	}
	return out
}

// xorshift is enough randomness for a guitar.
func xorshift(state uint32) func() float64 {
	return func() float64 {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		return float64(state)/math.MaxUint32*2 - 1
	}
}

func write(w io.Writer, samples []float64) error {
	if err := binary.Write(w, binary.LittleEndian, newHeader(len(samples))); err != nil {
		return err
	}
	pcm := make([]int16, len(samples))
	for i, s := range samples {
		pcm[i] = int16(math.Max(-1, math.Min(1, s)) * math.MaxInt16)
	}
	return binary.Write(w, binary.LittleEndian, pcm)
}

func main() {
	log.SetFlags(0)
	out := flag.String("o", "chord.wav", "file to write")
	seconds := flag.Float64("s", 3, "length in seconds")
	flag.Parse()

	n := int(*seconds * sampleRate)
	mix := make([]float64, n)
	noise := xorshift(2463534242)
	for i, freq := range []float64{82.41, 123.47, 164.81, 207.65, 246.94, 329.63} {
		delay := i * sampleRate / 30 // strum, do not slam
		for j, s := range pluck(freq, max(0, n-delay), noise) {
			mix[delay+j] += s / 6
		}
	}

	f, err := os.Create(*out)
	if err != nil {
		log.Fatal(err)
	}
	buf := bufio.NewWriter(f)
	if err := write(buf, mix); err != nil {
		log.Fatal(err)
	}
	if err := buf.Flush(); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

import struct
from enum import IntEnum


class Kind(IntEnum):
    NOTE_OFF = 0x80
    NOTE_ON = 0x90
    AFTERTOUCH = 0xA0
    CONTROL = 0xB0
    PROGRAM = 0xC0
    PRESSURE = 0xD0
    BEND = 0xE0


ONE_BYTE = (Kind.PROGRAM, Kind.PRESSURE)
NAMES = "C C# D D# E F F# G G# A A# B".split()


class MidiError(ValueError):
    pass


class Reader(object):
    '''Reads standard MIDI files of format 0 and 1.

    >>> Reader(data).notes()       # doctest: +SKIP
    [(0.0, 0.5, 'C4', 96), ...]
    '''

    def __init__(self, data):
        self.data = memoryview(data)
        self.pos = 0
        self.tempo = 500000     # microseconds a quarter note, until the file says otherwise
        self.events = []
        self._header()
        for _ in range(self.n_tracks):
            self._track()
        self.events.sort(key=lambda e: e[0])

    def _take(self, n):
        if self.pos + n > len(self.data):
            raise MidiError('file ends at byte %d' % len(self.data))
        piece = bytes(self.data[self.pos:self.pos + n])
        self.pos += n
        return piece

    def _varlen(self):
        value = 0
        while True:
            byte, = self._take(1)
            value = value << 7 | byte & 0x7f
            if not byte & 0x80:
                return value

    def _header(self):
        magic, size, fmt, self.n_tracks, self.division = struct.unpack('>4sIHHH', self._take(14))
        if magic != b'MThd' or size != 6:
            raise MidiError('no MIDI file')
        if fmt == 2 or self.division & 0x8000:
            raise MidiError('unsupported: format %d, division %#x' % (fmt, self.division))

    def _track(self):
        magic, size = struct.unpack('>4sI', self._take(8))
        if magic != b'MTrk':        # foreign chunks are legal, and to be ignored
            self._take(size)
            return
        end, now, status = self.pos + size, 0, None
        while self.pos < end:
            now += self._varlen()
            if self.data[self.pos] & 0x80:
                status, = self._take(1)
            elif status is None:
                raise MidiError('running status at the beginning of a track')
            if status == 0xff:
                what, = self._take(1)
                payload = self._take(self._varlen())
                if what == 0x51:
                    self.tempo = int.from_bytes(payload, 'big')
            elif status in (0xf0, 0xf7):
                self._take(self._varlen())
            else:
                kind = Kind(status & 0xf0)
                args = self._take(1 if kind in ONE_BYTE else 2)
                self.events.append((now, kind, status & 0xf) + tuple(args))

    def notes(self):
        scale = self.tempo / 1e6 / self.division
        sounding, found = {}, []
        for now, kind, channel, *args in self.events:
            if kind not in (Kind.NOTE_ON, Kind.NOTE_OFF):
                continue
            pitch, velocity = args
            started = sounding.pop((channel, pitch), None)
            if started is not None:
                name = '%s%d' % (NAMES[pitch % 12], pitch // 12 - 1)
                found.append((started[0] * scale, (now - started[0]) * scale, name, started[1]))
            if kind == Kind.NOTE_ON and velocity:
                sounding[channel, pitch] = (now, velocity)
        return found

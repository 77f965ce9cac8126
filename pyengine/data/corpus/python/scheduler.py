import asyncio
import heapq
import itertools
import logging
import time

log = logging.getLogger(__name__)


class Scheduler:
    """Run callbacks at their time, the earliest first."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._queue = []
        self._numbers = itertools.count()
        self._wakeup = asyncio.Event()

    def call_at(self, when, callback, *args):
        entry = (when, next(self._numbers), callback, args)
        heapq.heappush(self._queue, entry)
        self._wakeup.set()
        return entry

    def call_later(self, delay, callback, *args):
        return self.call_at(self._clock() + delay, callback, *args)

    def cancel(self, entry):
        try:
            self._queue.remove(entry)
        except ValueError:
            return False
        heapq.heapify(self._queue)
        return True

    def call_every(self, period, callback, *args):
        """Call again and again, counted from the planned times, so that delays do not add up."""
        def again(planned):
            callback(*args)
            following = planned + period
            now = self._clock()
            if following < now:
                missed = int((now - following) // period) + 1
                log.warning("%r missed %d of its turns", callback, missed)
                following += missed * period
            self.call_at(following, again, following)

        first = self._clock() + period
        return self.call_at(first, again, first)

    async def run(self):
        while self._queue:
            when, _, callback, args = self._queue[0]
            delay = when - self._clock()
            if delay > 0:
                self._wakeup.clear()
                try:
                    await asyncio.wait_for(self._wakeup.wait(), timeout=delay)
                except asyncio.TimeoutError:
                    pass
                continue
            heapq.heappop(self._queue)
            try:
                result = callback(*args)
                if asyncio.iscoroutine(result):
                    await result
            except Exception:
                log.exception("callback %r failed", callback)


async def main():
    scheduler = Scheduler()
    for i, delay in enumerate([0.3, 0.1, 0.2]):
        scheduler.call_later(delay, print, "task", i, "after", delay)
    await scheduler.run()


if __name__ == "__main__":
    asyncio.run(main())

"""What was asked for on the command line, for the records that are made meanwhile."""

from contextvars import ContextVar

# The words after `pyengine` that decide the numbers; empty where Python asked.
asked: ContextVar[tuple[str, ...]] = ContextVar("asked", default=())

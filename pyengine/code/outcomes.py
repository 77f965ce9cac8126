"""How a completion can fare."""

from enum import Enum


class Outcome(str, Enum):
    """How a completion fared. SKIPPED, where the toolchain is missing, counts for nothing."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong-answer"
    EXCEPTION = "exception"
    SYNTAX_ERROR = "syntax-error"
    TIMED_OUT = "timed-out"
    MEMORY = "memory"
    KILLED = "killed"
    NO_CODE = "no-code"
    SKIPPED = "skipped"

"""Hand llama.cpp's log lines to Python's logging, under the logger "pyengine.llama"."""

import logging

from pyengine import _core

logger = logging.getLogger("pyengine.llama")
# Without this, Python prints warnings of loggers that nobody has configured to stderr.
logging.getLogger("pyengine").addHandler(logging.NullHandler())

# ggml's levels: 1 debug, 2 info, 3 warning, 4 error. Its "info" is a page for every model opened.
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.INFO, 4: logging.WARNING}


def forward_log() -> None:
    """Log what llama.cpp wrote since the last call."""
    for level, line in _core.drain_log():
        logger.log(_LEVELS.get(level, logging.DEBUG), "%s", line)

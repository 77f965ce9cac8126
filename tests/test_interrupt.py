"""Ctrl-C in the midst of a decode: the call ends early, and the session is usable afterwards."""

import signal
import subprocess
import sys
import time

# One call of llama.cpp that takes far longer than it may go on after the signal.
LONG_DECODE = """
import signal, time
import numpy as np
from pyengine import open_model
from pyengine.models.places import MODELS
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session

signal.signal(signal.SIGINT, signal.default_int_handler)
length = 40_000
options = SessionOptions(n_ctx=length, n_batch=length, n_ubatch=512, threads=1)
with open_model(MODELS / "base.gguf") as model:
    session = Session(model, options=options)
    ids = np.arange(length) % 1000 + 10
    print("decoding", flush=True)
    started = time.monotonic()
    try:
        session.logits(ids)
        print("finished", time.monotonic() - started)
    except KeyboardInterrupt:
        print("interrupted")
    print(np.isfinite(session.logits(ids[:5])).all())
"""


def test_ctrl_c_ends_a_decode_that_has_begun() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", LONG_DECODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"decoding\n"
    time.sleep(1)
    sent = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out, err) == (0, b"interrupted\nTrue\n", b"")
    assert time.monotonic() - sent < 10

"""The process that tries a model: `python -m pyengine.models.trial_child REQUEST`.

It ends with 0 where llama.cpp survives. A model of the wrong kind, or one that computes no numbers,
is no danger: whoever opens it next says so.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.errors import ModelKindError, NumbersError, PyengineError, TokenizerError
from pyengine.models.model import Model, open_untried
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

# Small micro-batches, so that a few tokens are several; kernels choose their ways of computing by
# numbers of tokens well below this.
UBATCH = 64
TEXT = "def f(x):\n\treturn 'ä' + str(12345)  # 日本語\n"


def main(request: dict[str, Any]) -> int:
    """Open the model and decode; errors go to stderr as one line."""
    try:
        options = ModelOptions(**request["options"])
        with open_untried(Path(request["path"]), options) as model:
            if options.vocabulary_only:
                _tokenize(model)
            else:
                _decode(model, request["n_ctx"])
    except (ModelKindError, NumbersError):
        return 0
    except PyengineError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _tokenize(model: Model) -> None:
    try:
        model.vocabulary.tokenize(TEXT, parse_special=True)
    except TokenizerError:
        return


def _decode(model: Model, n_ctx: int) -> None:
    """Decode three micro-batches, two sequences at once, and the last position."""
    _tokenize(model)
    last = min(n_ctx, model.n_positions or n_ctx)
    n_tokens = min(2 * UBATCH + 1, last)
    ids = np.linspace(0, model.n_vocab - 1, n_tokens).astype(np.int32)
    options = SessionOptions(
        n_ctx=n_ctx, n_batch=n_tokens, n_ubatch=min(UBATCH, n_tokens), n_seq_max=2, max_rows=2
    )
    session = Session(model, options=options)
    session.logits(ids)
    first, middle = int(ids[0]), int(ids[n_tokens // 2])
    session.batch_logits([[first, middle][:last], [first, first][:last]])
    session.context.clear()
    session.context.decode(ids[:1], [last - 1], [[0]], [True])


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))

"""What a weight is called whatever its layer."""

import re

_AROUND = re.compile(r"^blk\.\d+\.|\.weight$")


def weight_kind(name: str) -> str:
    """Return a tensor's name without its layer and ending, such as "attn_q"."""
    return _AROUND.sub("", name)

"""What a weight's name says: of which kind it is, and of which layer."""

import re

_LAYER = re.compile(r"^blk\.(\d+)\.")


def weight_kind(name: str) -> str:
    """Return a tensor's name without its layer and ending, such as "attn_q"."""
    return _LAYER.sub("", name).removesuffix(".weight")


def weight_layer(name: str) -> int | None:
    """Return the layer that a tensor is in; None outside the layers."""
    found = _LAYER.match(name)
    return int(found[1]) if found else None

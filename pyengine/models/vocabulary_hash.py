"""A hash by which equal tokenizers are known."""

import hashlib

from pyengine.models.model import Vocabulary


def vocabulary_sha256(vocabulary: Vocabulary) -> str:
    """Return the SHA-256, in hexadecimal, over kind, pieces and token kinds in id order.

    Two models with the same hash give the same ids to the same text and the same text to the
    same ids, unless their pre-tokenizers differ: that name is part of the hash too.
    """
    pieces, offsets = vocabulary.piece_arrays()
    digest = hashlib.sha256()
    digest.update(f"{vocabulary.kind}\0{vocabulary.pre_tokenizer}\0".encode())
    for array in (pieces, offsets, vocabulary.kinds):
        digest.update(array.tobytes())
    return digest.hexdigest()

"""The language model that the package ships."""

from pathlib import Path

from pyengine.errors import ModelFileError

MODELS = Path(__file__).resolve().parent.parent / "data" / "models"


def embedded_model(name: str = "base") -> Path:
    """Return the path of a shipped model.

    Raises:
        ModelFileError: this installation does not have it.
    """
    path = MODELS / f"{name}.gguf"
    if not path.is_file():
        raise ModelFileError(
            f"{path}: this installation has no embedded model {name!r}; name a GGUF file"
        )
    return path

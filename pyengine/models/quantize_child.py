"""The process that quantizes: `python -m pyengine.models.quantize_child REQUEST`."""

import json
import os
import sys
import threading
from typing import Any

from pyengine import _core
from pyengine.errors import PyengineError


def main(request: dict[str, Any]) -> int:
    """Plan or quantize as the request says; errors go to stderr as JSON."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = request["settings"]
    try:
        if request["target"] is not None:
            (file_type,) = request["file_types"]
            _core.quantize(request["source"], request["target"], file_type=file_type, **settings)
            return 0
        plans = [_plan(request["source"], name, settings) for name in request["file_types"]]
    except PyengineError as error:
        told = {"error": type(error).__name__, "message": str(error)}
        sys.stderr.write(json.dumps(told) + "\n")
        return error.exit_code
    sys.stdout.write(json.dumps(plans))
    return 0


def _plan(source: str, file_type: str, settings: dict[str, Any]) -> dict[str, Any]:
    tensors, size, base, entries, used = _core.plan_quantization(
        source, file_type=file_type, **settings
    )
    return {
        "file_type": file_type,
        "base_type": base,
        "file_bytes": size,
        "tensors": tensors,
        "importance_entries": entries,
        "importance_used": used,
    }


def _end_with_parent() -> None:
    """Wait for the end of the input, which comes when the parent is gone, and end."""
    while os.read(0, 1):  # the buffered reader would hold a lock at the interpreter's end
        pass
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))

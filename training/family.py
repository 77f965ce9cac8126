"""Train, export, evaluate and verify every member, in the order in which they need each other.

    python -m training.family

Each member is trained in a process of its own and continues from its checkpoint; one that is
done is not trained again. Remove a member's folder from the work folder to train it anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from training.recipes import FAMILY
from training.verify import MODELS


def steps() -> list[list[str]]:
    """Return the modules to run, with their arguments."""
    members = list(FAMILY)
    train = [["training.train", name] for name in members]
    evaluate = [["training.evaluate", *members]]
    export = [["training.export", name, str(MODELS / f"{name}.gguf")] for name in members]
    return [*train, *evaluate, *export, ["training.verify", *members], ["training.card"]]


def main() -> None:
    """Run every step, and stop at the first that fails."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    for step in steps():
        print("python -m", *step, flush=True)
        subprocess.run([sys.executable, "-m", *step], check=True)


if __name__ == "__main__":
    main()

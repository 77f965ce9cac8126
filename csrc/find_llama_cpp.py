"""Print where llama-cpp-python keeps its headers and libraries, and its version, for CMake.

The package itself is not imported: importing it would load the library into the build.
"""

from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path

spec = find_spec("llama_cpp")
if spec is None or spec.origin is None:
    raise SystemExit("llama-cpp-python is not installed; pip install llama-cpp-python==0.3.36")
package = Path(spec.origin).parent
root = Path(str(distribution("llama-cpp-python").locate_file("")))
print(root / "include", package / "lib", version("llama-cpp-python"), sep=";")

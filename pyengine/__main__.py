"""Run the command line: python -m pyengine."""

from pyengine.cli.app import main

if __name__ == "__main__":
    main()

"""Run the command line: python -m pyengine."""

from pyengine.commands.app import main

if __name__ == "__main__":
    main()

"""``python -m cspbench``."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        code = main()
    except KeyboardInterrupt:  # before there was anything to keep
        code = 130
    sys.exit(code)

"""``python -m cspbench``."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        code = main()
    except KeyboardInterrupt:  # while modules are still being imported
        code = 130
    sys.exit(code)

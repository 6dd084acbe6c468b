"""``python -m cspbench``."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        code = main()
    except KeyboardInterrupt:  # before `main` handles signals
        sys.stderr.write("cspbench: interrupted before anything was measured\n")
        code = 130
    sys.exit(code)

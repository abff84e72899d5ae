"""`python -m ludwig` is the command `ludwig`."""

import sys

from ludwig.cli import main

if __name__ == "__main__":
    sys.exit(main())

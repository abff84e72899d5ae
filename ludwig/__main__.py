"""`python -m ludwig` is the command `ludwig`."""

import sys

from ludwig.cli import main

sys.exit(main())

"""``python -m georet``."""

import sys

from georet.cli import main

sys.exit(main())

"""Python imports this where it starts, if this folder is on its path: each process of a block is in the small world."""

import os
import sys
import traceback

try:
    from docs_small import make_small

    make_small()
except BaseException:  # Python itself would go on, in the world as it is
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(70)

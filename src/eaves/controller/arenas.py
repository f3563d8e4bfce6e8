"""How the C library divides memory among the threads of a controller.

A connection is opened in the thread of the server, its request is answered in that of the devices,
and others write.  Where each thread has an arena of its own, what one of them frees is of no use
to the others: with ten thousand waiting nodes that took 18 KB for each.
"""

import ctypes
import os
from typing import Final

ARENAS: Final = 2
_M_ARENA_MAX: Final = -8  # of <malloc.h>
_ASKED_FOR: Final = "MALLOC_ARENA_MAX"  # by whoever runs the process: the C library reads it


def share_arenas() -> bool:
    """Let all threads to come share a few arenas; False where that is not ours to say.

    Call it before there are threads.
    """
    if _ASKED_FOR in os.environ:
        return False
    limit = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and no arenas
    return limit is not None and bool(limit(_M_ARENA_MAX, ARENAS))

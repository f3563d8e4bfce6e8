"""What ships with the controller: brands, models and edge applications, as data.

`hardware()` and `applications()` read the files below `models/` and `apps/` when they are asked
first, and keep what they read; that takes a few tenths of a second, so a request asks through
`asyncio.to_thread`.  Nothing of it is read at start.

Ids are made from names, so that an entry keeps its id from release to release; `revision.curr` is
the entry's own version, which a copy remembers in `parentDetail.versionOfParentObject`.
"""

from eaves.controller.catalogue.applications import Applications, applications
from eaves.controller.catalogue.hardware import Hardware, hardware

__all__ = ["Applications", "Hardware", "applications", "hardware"]

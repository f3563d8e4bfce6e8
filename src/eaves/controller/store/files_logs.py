"""`logs.db`: log lines and flow records."""

from collections.abc import Sequence
from typing import Final

STEPS: Final[Sequence[Sequence[str]]] = ()

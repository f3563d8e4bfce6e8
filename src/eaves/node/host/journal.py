"""The node's own log: structured lines on stderr, and in a file that is uploaded."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
from structlog.typing import EventDict, WrappedLogger


class _Both:
    """Writes each line to stderr and appends it to a file; a full disk never stops the node."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        try:
            self._file.write(text)
        except OSError as error:
            sys.stderr.write(f"log file: {error}\n")
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


class LogGate:
    """Lets lines through by their place in the code and their level; which, may change."""

    def __init__(self) -> None:
        self.writes: Callable[[str, str], bool] = lambda _, level: level != "debug"

    def __call__(self, _: WrappedLogger, level: str, event: EventDict) -> EventDict:
        path, line = str(event.pop("pathname", "")), event.pop("lineno", 0)
        if not self.writes(path, "error" if level == "exception" else level):
            raise structlog.DropEvent
        event["file"] = f"{path[path.rfind('eaves/') :] if 'eaves/' in path else path}:{line}"
        return event


def log_to_file(path: Path) -> LogGate:
    sink, gate = _Both(path), LogGate()
    place = structlog.processors.CallsiteParameter
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.CallsiteParameterAdder({place.PATHNAME, place.LINENO}),
            gate,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _plain,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(sink),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - a TextIO by what it is used for
        cache_logger_on_first_use=True,
    )
    return gate


def _plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Values that JSON does not know become text."""
    known = (str, int, float, bool, type(None), list, dict, tuple)
    return {k: v if isinstance(v, known) else str(v) for k, v in event.items()}

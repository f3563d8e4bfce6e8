"""Why nothing newer is rendered for a device, as a sentence among those of `Rendered.missing`."""

from typing import Final

NOT_RENDERED: Final = "the configuration could not be made:"


def not_rendered(why: str) -> str:
    return f"{NOT_RENDERED} {why}; it is tried again by itself, the controller's log has more"


def without_failure(missing: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in missing if not text.startswith(NOT_RENDERED))

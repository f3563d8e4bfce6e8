"""What of a project stands in the configuration of its devices."""

from typing import Final

from eaves.controller.domain.contract.projects import Tag

NOT_RENDERED: Final = frozenset(
    {
        "app_policy",  # makes objects, which are rendered as any others
        "attestation_policy",  # is asked at a poll, not told in the configuration
        "description",
        "network_policy",  # as the app policy
        "numdevices",
        "revision",
        "tags",
        "title",
    }
)


def as_rendered(project: Tag) -> Tag:
    """The project as rendering may see it: without what no device is told."""
    defaults = {
        name: Tag.model_fields[name].get_default(call_default_factory=True) for name in NOT_RENDERED
    }
    return project.model_copy(update=defaults)


def reaches_devices(wanted: Tag, current: Tag | None) -> bool:
    """Whether the configuration of its devices may be another one after this change."""
    return current is None or any(
        getattr(wanted, name) != getattr(current, name)
        for name in Tag.model_fields
        if name not in NOT_RENDERED
    )

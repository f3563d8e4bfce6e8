"""What can be pressed at the console and changes something: in which view, and what it calls.

`tests/unit/northbound/test_console_rights.py` holds it against the sources of the console, so that
no call of theirs is forgotten; `test_fleet.py` presents it to roles that may do a part of it.
"""

from dataclasses import dataclass
from typing import Final

from eaves.controller.domain.authz import Area, Rule, Verb


@dataclass(frozen=True, slots=True)
class Action:
    """`view`: of `simulated.views_of`.  `rule`: where the path alone does not tell it."""

    view: str
    name: str  # of its button
    method: str
    path: str
    rule: Rule | None = None


_DEVICE, _INSTANCE = "/v1/devices/id/{id}", "/v1/apps/instances/id/{id}"
_ROLLOUT = "/v1/eaves/rollouts/id/{id}"
_UPDATES = Rule(Area.DEVICE, Verb.UPDATE)  # what this roll-out does
_REFRESHES = Rule(Area.APP_INSTANCE, Verb.EXECUTE)

ACTIONS: Final = (
    Action("nodes-chosen", "New node", "POST", "/v1/devices"),
    Action("nodes-chosen", "Tag", "PUT", "/v1/jobs/devices/tags"),
    Action("nodes-chosen", "Update", "PUT", "/v1/jobs/devices/baseos/upgrade"),
    Action("node", "Reboot", "PUT", _DEVICE + "/reboot"),
    Action("node", "Deactivate", "PUT", _DEVICE + "/deactivate"),
    Action("node", "Prepare power off", "PUT", _DEVICE + "/preparepoweroff"),
    Action("node", "Offboard", "PUT", _DEVICE + "/offboard"),
    Action("node", "Delete", "DELETE", _DEVICE),
    Action("node-idle", "Activate", "PUT", _DEVICE + "/activate"),
    Action("node-fresh", "Make the onboarding folder", "GET", _DEVICE + "/onboarding"),
    Action("node-fresh", "Make an installer image", "POST", _DEVICE + "/suimage"),
    Action("instances-chosen", "Restart", "PUT", _INSTANCE + "/restart"),
    Action("instances-chosen", "Refresh", "PUT", _INSTANCE + "/refresh"),
    Action("instances-chosen", "Start", "PUT", _INSTANCE + "/activate"),
    Action("instances-chosen", "Stop", "PUT", _INSTANCE + "/deactivate"),
    Action("instances-chosen", "Purge", "PUT", _INSTANCE + "/refresh/purge"),
    Action("instances-chosen", "Delete", "DELETE", _INSTANCE),
    Action("instance", "Restart", "PUT", _INSTANCE + "/restart"),
    Action("instance", "Refresh", "PUT", _INSTANCE + "/refresh"),
    Action("instance", "Stop", "PUT", _INSTANCE + "/deactivate"),
    Action("instance", "Purge", "PUT", _INSTANCE + "/refresh/purge"),
    Action("instance", "Delete", "DELETE", _INSTANCE),
    Action("marketplace", "Import", "PUT", "/v1/jobs/apps/bundles/import"),
    Action("shelf", "Import and go on", "PUT", "/v1/jobs/apps/bundles/import"),
    Action("apps", "New app", "POST", "/v1/apps"),
    Action("app", "Delete", "DELETE", "/v1/apps/id/{id}"),
    Action("deploy", "Next", "PUT", "/v1/jobs/apps/instances/create"),
    Action("projects", "New project", "POST", "/v1/projects"),
    Action("projects", "New project", "POST", "/v1/networks"),
    Action("project", "Delete", "DELETE", "/v1/projects/id/{id}"),
    Action("rollouts", "New OS roll-out", "POST", "/v1/eaves/rollouts", _UPDATES),
    Action("rollouts", "New app roll-out", "POST", "/v1/eaves/rollouts", _REFRESHES),
    Action("rollout", "Abort", "PUT", _ROLLOUT + "/abort", _UPDATES),
    Action("rollout", "Undo", "PUT", _ROLLOUT + "/undo", _UPDATES),
    Action("library-models", "New model", "POST", "/v1/sysmodels"),
    Action("library-models", "Import from the catalogue", "PUT", "/v1/sysmodels/id/{id}/import"),
    Action("library-patches", "New patch envelope", "POST", "/v1/patch-envelope"),
    Action("image", "Release", "PUT", "/v1/apps/images/id/{id}/uplink"),
    Action("image", "Delete", "DELETE", "/v1/apps/images/id/{id}"),
    Action("provider", "Try it", "POST", "/v1/ext/authorization/profiles/id/{id}/test"),
    Action("users", "End sessions", "DELETE", "/v1/eaves/users/{id}/tokens"),
    Action("users", "Unlock", "PUT", "/v1/eaves/users/{id}/unlock"),
    # with a password, which only who may change users sets
    Action("users", "New user", "POST", "/v1/users"),
    Action("users", "New user", "POST", "/v1/credentials", Rule(Area.USER, Verb.UPDATE)),
    # of many; what each dialogue says was looked at where it is of one
    Action("nodes-chosen", "Reboot", "PUT", _DEVICE + "/reboot"),
    Action("nodes-chosen", "Activate", "PUT", _DEVICE + "/activate"),
    Action("nodes-chosen", "Deactivate", "PUT", _DEVICE + "/deactivate"),
    Action("nodes-chosen", "Delete", "DELETE", _DEVICE),
    Action("rollouts-chosen", "Abort", "PUT", _ROLLOUT + "/abort", _UPDATES),
    Action("rollouts-chosen", "Undo", "PUT", _ROLLOUT + "/undo", _UPDATES),
    Action("alerts-chosen", "Acknowledge", "PUT", "/v1/ext/incidents/acknowledge"),
    Action("apps-chosen", "Delete", "DELETE", "/v1/apps/id/{id}"),
    Action("projects-chosen", "Delete", "DELETE", "/v1/projects/id/{id}"),
    Action("library-images-chosen", "Delete", "DELETE", "/v1/apps/images/id/{id}"),
    Action("users-chosen", "End sessions", "DELETE", "/v1/eaves/users/{id}/tokens"),
    Action("users-chosen", "Delete", "DELETE", "/v1/users/id/{id}"),
)

MOMENTS: Final = (  # in this order: what one leaves is what the next one needs
    Action("job", "Abort", "PUT", "/v1/eaves/jobs/id/{id}/abort"),
    Action("rollout", "Pause", "PUT", _ROLLOUT + "/pause"),
    Action("rollout", "Resume", "PUT", _ROLLOUT + "/resume"),
    Action("rollout", "Abort", "PUT", _ROLLOUT + "/abort"),
    Action("rollout", "Undo", "PUT", _ROLLOUT + "/undo"),
    Action("updates", "Try the update again", "PUT", _DEVICE + "/baseos/upgrade/retry"),
    Action(
        *("measured", "Accept what it booted", "PUT"),
        "/v1/eaves/devices/id/{id}/attestation/accept",
    ),
    Action("fresh", "Make an installer image", "POST", _DEVICE + "/suimage"),
    Action("users", "Take the second factor away", "DELETE", "/v1/eaves/users/{id}/totp"),
)

"""The rules that an interface of an app really has: admission and rendering agree on them."""

from eaves.controller.domain.contract.apps import (
    App,
    AppACE,
    AppACEAction,
    AppACEMatch,
    AppInterface,
    AppPortMap,
)
from eaves.controller.domain.contract.manifests import (
    ManifestAcl,
    ManifestAclAction,
    ManifestLimit,
)


def effective_rules(interface: AppInterface, bundle: App | None) -> tuple[AppACE, ...]:
    """The interface's own rules, or those of its bundle where it brings none."""
    if interface.acls:
        return interface.acls
    manifest = bundle.manifest_json if bundle is not None else None
    for declared in manifest.interfaces if manifest is not None else ():
        if declared.name == interface.intfname:
            return tuple(_as_instance_rule(rule) for rule in declared.acls)
    return ()


def _as_instance_rule(rule: ManifestAcl) -> AppACE:
    """The same rule in the words of an instance (`portmapto.appPort` is `mapparams.port`)."""
    return AppACE(
        name=rule.name,
        matches=tuple(AppACEMatch(type=m.type, value=m.value) for m in rule.matches),
        actions=tuple(_as_instance_action(action) for action in rule.actions),
    )


def _as_instance_action(action: ManifestAclAction) -> AppACEAction:
    limit = action.limit_value or ManifestLimit()
    target = action.portmapto
    return AppACEAction(
        drop=action.drop,
        limit=action.limit,
        limitrate=action.limitrate or limit.limitrate,
        limitunit=action.limitunit or limit.limitunit,
        limitburst=action.limitburst or limit.limitburst,
        portmap=action.portmap,
        mapparams=AppPortMap(port=target.app_port) if target is not None else None,
    )

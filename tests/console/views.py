"""The addresses that the navigation of the console leads to."""

VIEWS = (
    *("/", "/nodes", "/instances", "/alerts", "/events", "/marketplace", "/apps", "/projects"),
    *("/rollouts", "/jobs", "/library/networks", "/library/netinsts", "/library/volumes"),
    *("/library/datastores", "/library/images", "/library/models"),
    *("/tenants", "/users", "/roles", "/tokens", "/audit"),
    *("/library/brands", "/library/alert-rules", "/library/alert-channels", "/library/roles"),
    *("/library/auth-profiles", "/library/patches"),
)

"""The console of a device: by itself, without what its node imports."""

from eaves.node.settings import DEFAULT_CONFIG, DEFAULT_STATE, RUN_ROOT, Settings
from eaves.prepared import import_part

NAME = "node"  # an image has one node

if __name__ == "__main__":
    shown = Settings(DEFAULT_CONFIG, DEFAULT_STATE, RUN_ROOT / NAME, NAME)
    import_part("eaves.node.console.command").console(obj=shown, prog_name="eaves node console")

"""Puts the OpenAPI document into the wheel, so that a controller only has to read it.

The document is made by the package itself, from its routes.  Where that cannot be imported (a
build apart from the requirements), the wheel is made without it and the controller makes it when it
is first asked.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class OpenApiInWheel(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # a checkout changes; it makes the document when it is asked
        sys.path.insert(0, str(Path(self.root) / "src"))
        try:
            from eaves.controller.northbound import openapi  # noqa: PLC0415 - of this checkout

            told = openapi.made_text()
        except ModuleNotFoundError as error:
            self.app.display_warning(f"the wheel has no OpenAPI document: {error}")
            return
        finally:
            sys.path.pop(0)
        out = Path(self.root) / "build" / openapi.PACKAGED
        out.parent.mkdir(exist_ok=True)
        out.write_text(told, encoding="utf-8")
        build_data["force_include"][str(out)] = f"eaves/controller/northbound/{openapi.PACKAGED}"

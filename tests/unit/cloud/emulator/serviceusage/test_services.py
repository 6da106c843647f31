import importlib
import inspect
import pkgutil

import cloud.emulator
from cloud.emulator.rest.api import Api
from cloud.emulator.serviceusage.services import EMULATED


def test_every_api_of_the_emulator_is_an_emulated_service():
    found = set()
    for package in pkgutil.iter_modules(cloud.emulator.__path__, "cloud.emulator."):
        if package.ispkg and importlib.util.find_spec(f"{package.name}.routes"):
            values = vars(importlib.import_module(f"{package.name}.routes")).values()
            apis = [each for each in values if inspect.isclass(each) and issubclass(each, Api) and each is not Api]
            found |= {api.SERVICE for api in apis if hasattr(api, "SERVICE")}
    assert found == {name for name in EMULATED if not name.startswith(("storage", "containerregistry"))}
    assert list(EMULATED) == sorted(EMULATED)

"""The trainer that a learner reads and changes: a copy of the sample trainer."""

import shutil
from pathlib import Path

from cloud.workflow.taxifare import package_path

_INIT = "__init__.py"


def copy_trainer(folder: str | Path = "taxifare/trainer") -> list[str]:
    """Copy the modules that ``folder`` does not have, all but ``__init__.py``, which the learner writes; what is there
    stays as it is. Returns the names of the folder's modules.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for module in sorted(package_path().glob("*.py")):
        if module.name != _INIT and not (folder / module.name).exists():
            shutil.copyfile(module, folder / module.name)
    return sorted(path.name for path in folder.glob("*.py"))

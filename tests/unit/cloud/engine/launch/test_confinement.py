import json
from pathlib import Path

import pytest

from cloud.engine.launch.confinement import Confinement
from cloud.errors import InvalidArgument


@pytest.mark.parametrize("path", ["data", "./data", "/"])
@pytest.mark.parametrize("field", ["read", "write"])
def test_paths_are_absolute_and_not_the_whole_machine(field: str, path: str) -> None:
    with pytest.raises(InvalidArgument, match=f"not {Path(path)}") as caught:
        Confinement(**{field: (Path(path),)})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_request_is_json_without_the_network() -> None:
    confinement = Confinement((Path("/data"),), (Path("/job"),), ports=(1, 2), max_processes=9)

    assert json.loads(json.dumps(confinement.request())) == {
        "read": ["/data"],
        "write": ["/job"],
        "files": True,
        "signals": True,
        "ports": [1, 2],
        "max_processes": 9,
        "is_free": False,
        "root": None,
    }

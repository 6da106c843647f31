import pytest

from cloud.emulator.grpc.methods import _methods
from cloud.emulator.grpc.paths import PATH


def test_every_method_that_is_known_has_such_a_path():
    assert [path for path in _methods() if not PATH.fullmatch(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects/p",
        "/bucket/Object",
        "/my.bucket/Object",
        "/google.x.Service",
        "/google.x.Service/",
        "/Service/Call",
        "/",
    ],
)
def test_no_path_of_rest_is_one(path):
    assert not PATH.fullmatch(path)

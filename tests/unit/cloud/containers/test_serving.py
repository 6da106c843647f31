"""The settings of a serving container."""

import pytest

from cloud.containers.serving import Container
from cloud.engine.serving.listen_config import ListenConfig
from cloud.errors import InvalidArgument

ANYWHERE = "0.0.0.0"  # noqa: S104
MODEL = {"AIP_STORAGE_URI": "gs://b/model"}


def test_the_platforms_variables_are_used() -> None:
    route = "/v1/endpoints/7/deployedModels/8"
    environ = MODEL | {"AIP_HTTP_PORT": "80", "AIP_PREDICT_ROUTE": f"{route}:predict", "AIP_HEALTH_ROUTE": route}
    assert Container.from_environ(environ) == Container(
        "gs://b/model", ListenConfig(host=ANYWHERE, port=80, predict=f"{route}:predict", health=route)
    )


def test_without_the_platforms_variables_the_workers_defaults_apply() -> None:
    assert Container.from_environ(MODEL).listen == ListenConfig(host=ANYWHERE, port=8080)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIP_STORAGE_URI", ""),
        ("AIP_HTTP_PORT", "0"),
        ("AIP_HTTP_PORT", "65536"),
        ("AIP_HTTP_PORT", "http"),
        ("AIP_HTTP_PORT", "²"),
        ("AIP_PREDICT_ROUTE", "predict"),
        ("AIP_HEALTH_ROUTE", "health"),
    ],
)
def test_an_illegal_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        Container.from_environ(MODEL | {name: value})
    assert error.value.field == name

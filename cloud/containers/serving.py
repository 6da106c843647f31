"""Serves a SavedModel as a custom container of Vertex AI, with the serving worker of the local cloud.

    AIP_STORAGE_URI=gs://BUCKET/MODEL python -m cloud.containers.serving

Variables and routes: "Custom container requirements for prediction" in Vertex AI's documentation. It listens once the
model is loaded and warm, so that the health check fails until then. On SIGTERM it completes the requests in progress
and exits. It logs to stderr.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import click

from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.worker import serve
from cloud.errors import CloudError, InvalidArgument
from cloud.settings import whole_environ


@dataclass(frozen=True, slots=True)
class Container:
    """The settings that Vertex AI passes to a serving container."""

    model_dir: str
    listen: ListenConfig

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Container":
        """Raises:
        InvalidArgument: a variable is missing or illegal.
        """
        model_dir = environ.get("AIP_STORAGE_URI", "")
        if not model_dir:
            raise InvalidArgument(
                "set it to the SavedModel's folder, here or on gs://; on Vertex AI a model needs an artifactUri",
                field="AIP_STORAGE_URI",
            )
        port = environ.get("AIP_HTTP_PORT") or "8080"
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise InvalidArgument(f"a port is a number from 1 to 65535, not {port!r}", field="AIP_HTTP_PORT")
        default = ListenConfig()
        predict = environ.get("AIP_PREDICT_ROUTE") or default.predict
        health = environ.get("AIP_HEALTH_ROUTE") or default.health
        for name, route in (("AIP_PREDICT_ROUTE", predict), ("AIP_HEALTH_ROUTE", health)):
            if not route.startswith("/"):
                raise InvalidArgument(f"a route begins with a slash, not {route!r}", field=name)
        # All interfaces: requests come from outside the container.
        listen = ListenConfig(host="0.0.0.0", port=int(port), predict=predict, health=health)  # noqa: S104
        return cls(model_dir, listen)


def main() -> int:
    try:
        container = Container.from_environ(whole_environ())
        _log(f"loading {container.model_dir}")
        serve(
            container.model_dir,
            container.listen,
            lambda: _log(
                f"serving {container.model_dir} on port {container.listen.port}: POST {container.listen.predict}"
            ),
            _log,
        )
    except (CloudError, OSError) as error:  # OSError: the port is in use
        _log(f"error: {error}")
        return 1
    return 0


def _log(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    sys.exit(main())

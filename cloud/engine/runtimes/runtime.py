"""The environments that jobs run in: what a job requests, and what it gets. Pure."""

from dataclasses import dataclass, replace
from pathlib import Path

from cloud.engine.launch.command import Interpreter

PRELOAD: tuple[str, ...] = ("tensorflow", "keras")
"""The modules whose import takes trainers their first seconds."""
_PRELOAD_OF_BUILDS = (
    "setuptools.build_meta",
    *(f"setuptools.command.{name}" for name in ("bdist_wheel", "build_ext", "build_py", "egg_info", "install")),
    *(f"setuptools.command.{name}" for name in ("install_egg_info", "install_lib", "install_scripts")),
)


def building(interpreter: Interpreter) -> Interpreter:
    """The same Python for package builds: where trainers start warm, builds do, too, from a fork server of their own.
    setuptools brings modules of its own (packaging, wheel, …), which no trainer must find that does not require them.
    The next build is seldom soon, and setuptools imported in a third of a second: it does not stay for long.
    """
    return replace(interpreter, preload=_PRELOAD_OF_BUILDS, idle=30.0) if interpreter.preload else interpreter


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """What a job or a version requests: a runtime version of ML Engine, or a prebuilt image of Vertex AI.

    Args:
        framework: ``tensorflow``, ``scikit-learn``, ``xgboost`` or ``pytorch``.
        version: ``MAJOR.MINOR`` of the framework; None: any.
        python: ``MAJOR.MINOR``; None: any.
        text: the request in the words of logs and errors: ``runtime version 2.8 with Python 3.7``.
    """

    framework: str = "tensorflow"
    version: str | None = None
    python: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An environment that exists on this machine.

    Args:
        name: ``installed``, ``tf2.15``, ``tf1``, …
        description: for logs: ``TensorFlow 2.21.0, Python 3.11.7``.
        site: the folders of its distributions, in the order of its import path.
        import_path: folders that come after those of the job's packages and before ``site``: the layer ``image``.
    """

    name: str
    description: str
    interpreter: Interpreter
    site: tuple[Path, ...]
    import_path: tuple[Path, ...] = ()

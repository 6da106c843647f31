"""``FrameworkModel``: a model of scikit-learn or XGBoost, in a process of the runtime that holds its library."""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cloud.engine.launch.command import Command, Interpreter
from cloud.engine.serving.refusals import refused
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.resources import Framework, Json

_PROGRAM = Path(__file__).with_name("model_process.py")
_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""XGBoost's threads wait without computing. On a busy machine one row then takes 4 ms and not 45."""
_DEFECT = 70
"""Exit status of a worker whose model's process is gone (EX_SOFTWARE of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class Place:
    """The Python of a runtime, and the folders that come first in its path."""

    python: Path
    import_path: tuple[Path, ...] = ()

    def environ(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Variables for its processes: none of them leads to this program's own packages."""
        others = {name: value for name, value in inherited.items() if name != "PYTHONPATH"}
        interpreter = Interpreter(self.python)
        return Command("", (), _THREADS | others, Path(), self.import_path, interpreter).full_environ()


class FrameworkModel:
    """A loaded model. Not thread-safe. Its process ends with its standard input, and so with this one.

    Args:
        on_note: called with each sentence about what Google's servers would do otherwise, or the library warned of.

    Raises:
        FailedPrecondition: the model cannot be served; the text is that of the prediction library in the Cloud SDK
            where it has one.
    """

    def __init__(
        self, framework: Framework, folder: Path, place: Place, on_note: Callable[[str], None] = lambda _: None
    ) -> None:
        command = [str(place.python), "-u", "-X", "utf8", str(_PROGRAM), framework.value, str(folder)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=place.environ(os.environ), cwd=folder
            )
        except OSError as error:
            raise FailedPrecondition(f"{place.python} cannot be started: {error}") from error
        try:
            self.description = self._wait_until_ready(on_note)
        except BaseException:
            self.close()
            raise

    def prepare(self, _: str, instances: list[Json]) -> list[Json]:
        return instances

    def run(self, parameters: str, batch: list[Json], _: int) -> list[Any]:
        """Predictions for the instances.

        Args:
            parameters: JSON of the request's ``parameters``; empty if it has none.

        Raises:
            PredictionFailed: the library's text.
        """
        options = b',"parameters":' + parameters.encode() if parameters else b""
        assert self._process.stdin is not None  # noqa: S101
        try:
            self._process.stdin.write(b'{"instances":' + orjson.dumps(batch) + options + b"}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._end()
        answer = self._read()
        if "error" in answer:
            raise PredictionFailed(answer["error"])
        predictions: list[Any] = answer["predictions"]
        return predictions

    def warm_up(self) -> Collection[str]:
        """No requests may share a call: the library reads the types of a request's instances from all of them."""
        return ()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _wait_until_ready(self, on_note: Callable[[str], None]) -> str:
        while True:
            match self._read():
                case {"note": str(note)}:
                    on_note(note)
                case {"failed": str(reason)}:
                    raise refused(reason)
                case {"ready": str(description)}:
                    return description

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self._end()
        try:
            answer: dict[str, Any] = orjson.loads(line)
        except orjson.JSONDecodeError:  # NaN and infinities, which Python writes bare: here they are their names
            answer = json.loads(line, parse_constant=str)
        return answer

    def _end(self) -> None:
        """End this process as the model's ended: the engine replaces a worker that died."""
        self.close()
        os._exit(_DEFECT)

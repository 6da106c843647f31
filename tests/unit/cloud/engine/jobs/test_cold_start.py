from pathlib import Path

import pytest

from cloud.engine.jobs.cold_start import heeding_variables
from cloud.engine.launch.command import Interpreter

WARM = Interpreter(preload=("tensorflow",))


@pytest.mark.parametrize(
    ("env", "source", "message"),
    [
        (["TF_USE_LEGACY_KERAS"], "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'", ""),
        (["OMP_NUM_THREADS"], "", "OMP_NUM_THREADS is set: started cold."),
        (["XLA_FLAGS", "KERAS_BACKEND"], "", "KERAS_BACKEND, XLA_FLAGS are set: started cold."),
        ([], "import os; os.environ['KERAS_BACKEND'] = 'jax'", "The program sets KERAS_BACKEND: started cold."),
    ],
)
async def test_variables_that_a_warm_process_would_not_heed(
    tmp_path: Path, env: list[str], source: str, message: str
) -> None:
    (tmp_path / "task.py").write_text(source)
    messages: list[str] = []

    chosen = await heeding_variables(WARM, env, [tmp_path], lambda text, _: messages.append(text))

    assert messages == ([message] if message else [])
    assert chosen == (WARM.cold if message else WARM)


async def test_what_is_cold_anyway_says_nothing(tmp_path: Path) -> None:
    messages: list[str] = []

    chosen = await heeding_variables(WARM.cold, ["OMP_NUM_THREADS"], [], lambda text, _: messages.append(text))

    assert (chosen, messages) == (WARM.cold, [])

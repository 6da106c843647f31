"""The modules that a warm launcher preloads."""

import asyncio
from pathlib import Path

import pytest

from cloud.engine.launch.client import Interpreter, Launcher
from cloud.errors import Unavailable
from cloud.settings import LauncherKind
from integration.launch.programs import (
    Programs,
    linux_only,
    run,
)


@linux_only
async def test_requests_wait_for_the_preload(programs: Programs) -> None:
    programs.write("import time; time.sleep(0.5); print('loaded')", "slow")
    programs.interpreter = Interpreter(preload=("slow",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})
    command = programs.command("import sys; print('slow' in sys.modules)")

    statuses = await asyncio.gather(*(run(launcher, command, programs.on_output) for _ in range(3)))

    assert all(status.ok for status in statuses)
    assert [line.text for line in programs.lines] == ["True"] * 3
    await launcher.close()


@linux_only
@pytest.mark.parametrize(
    ("source", "reason"),
    [("import absent_module", "No module named 'absent_module'"), ("import sys; sys.exit(3)", "SystemExit: 3")],
)
async def test_preload_that_fails(programs: Programs, source: str, reason: str) -> None:
    programs.write(source, "bad")
    programs.interpreter = Interpreter(preload=("json", "bad"))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})

    with pytest.raises(Unavailable, match=f"cannot preload bad: .*{reason}"):
        await launcher.ready(programs.interpreter)
    with pytest.raises(Unavailable, match="cannot preload bad"):
        await launcher.launch(programs.command("print('never')"), programs.on_output)

    assert programs.lines == []
    await launcher.close()
    await launcher.close()


@linux_only
async def test_a_package_that_failed_in_the_preload_raises_the_same_error_again(programs: Programs) -> None:
    """Python removes such a package from sys.modules, but not the submodules that it had loaded."""
    programs.write("")
    folder = programs.folder / "broken"
    folder.mkdir()
    (folder / "part.py").touch()
    (folder / "__init__.py").write_text("import broken.part\nraise ImportError('the true cause')\n")
    programs.write("try:\n    import broken\nexcept ImportError:\n    pass", "tries")
    programs.interpreter = Interpreter(preload=("tries",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})

    status = await run(launcher, programs.command("import broken"), programs.on_output)

    assert status.code == 1
    assert programs.lines[-1].text == "ImportError: the true cause"
    assert not [line.text for line in programs.lines if "KeyError" in line.text]
    await launcher.close()


@linux_only
async def test_close_while_loading(programs: Programs) -> None:
    programs.write("import time; time.sleep(600)", "slow")
    programs.interpreter = Interpreter(preload=("slow",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})
    await launcher.start(programs.interpreter)

    async with asyncio.timeout(10):
        await launcher.close()


@linux_only
async def test_each_process_has_its_own_ca_file_for_googles_client(programs: Programs, tmp_path: Path) -> None:
    # httplib2 reads the variable when it is loaded, and TensorFlow loads it.
    trusted = tmp_path / "ca.pem"
    trusted.touch()
    programs.interpreter = Interpreter(preload=("httplib2",))
    launcher = Launcher(LauncherKind.WARM)
    show = "import httplib2; print(httplib2.CA_CERTS)"
    try:
        for given in ({"HTTPLIB2_CA_CERTS": str(trusted)}, {}):
            assert (await run(launcher, programs.command(show, **given), programs.on_output)).ok
    finally:
        await launcher.close()
    first, second = programs.text("stdout").splitlines()
    assert first == str(trusted) != second

"""What JupyterLab reads."""

import json
import secrets
import subprocess
from pathlib import Path

from cloud.lab import jupyter_files

TOKEN = secrets.token_hex(4)


def test_its_files_are_private_and_ask_nobody(tmp_path: Path) -> None:
    guest = guest_of(tmp_path, {"PATH": "/usr/bin", "SHELL": "/bin/zsh"})
    jupyter_files.write(tmp_path, guest, first="01_a.ipynb", port=8888, token=TOKEN)
    files = {path.name: path for path in tmp_path.rglob("*.json")}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    server = json.loads(files["jupyter_server_config.json"].read_text())
    assert server["ServerApp"]["ip"] == "127.0.0.1"
    assert server["IdentityProvider"] == {"token": TOKEN}
    assert server["LabApp"]["default_url"] == "/lab/tree/01_a.ipynb"
    overrides = json.loads(files["default_setting_overrides.json"].read_text())
    assert overrides["@jupyterlab/translation-extension:plugin"] == {"locale": "es_ES"}
    assert overrides["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def guest_of(folder: Path, inherited: dict[str, str]) -> dict[str, str]:
    return jupyter_files.environ(folder, inherited, root=Path("/work"), language="es", programs=Path("/v/bin"))


def test_programs_of_this_python_are_found_where_no_environment_is_active(tmp_path: Path) -> None:
    assert guest_of(tmp_path, {"PATH": "/usr/bin:/stand-ins"})["PATH"] == "/v/bin:/usr/bin:/stand-ins"
    assert guest_of(tmp_path, {"PATH": "/usr/bin:/v/bin"})["PATH"] == "/usr/bin:/v/bin"


def test_nothing_of_the_users_own_jupyter_is_read(tmp_path: Path) -> None:
    made = guest_of(tmp_path, {"JUPYTER_CONFIG_DIR": "/home/u/.jupyter", "TF_CPP_MIN_LOG_LEVEL": "0", "BUCKET": "b"})
    assert made["JUPYTER_CONFIG_DIR"] == str(tmp_path / "config")
    assert made["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert made["BUCKET"] == "b"


def test_a_terminal_keeps_the_path_whatever_the_users_bashrc_does(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("export PATH=/usr/bin:/bin GREETING=hello\n")
    guest = guest_of(tmp_path, {"PATH": "/stand ins:/usr/bin:/bin", "SHELL": "/bin/bash", "HOME": str(tmp_path)})
    jupyter_files.write(tmp_path, guest, first="01_a.ipynb", port=8888, token=TOKEN)
    server = json.loads((tmp_path / "config" / "jupyter_server_config.json").read_text())["ServerApp"]
    command = [*server["terminado_settings"]["shell_command"], "-i", "-c", "echo $GREETING $PATH"]
    done = subprocess.run(command, env=guest, capture_output=True, text=True, check=True, start_new_session=True)
    assert done.stdout == "hello /v/bin:/stand ins:/usr/bin:/bin\n"

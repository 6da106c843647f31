"""What JupyterLab reads when it starts: the files of its configuration, and the variables that lead to them."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cloud.engine.state_folder import write_private
from cloud.lab.notebooks import LANGUAGES

_ASKS_THE_INTERNET = ("apputils-extension:announcements", "extensionmanager-extension")
"""Parts of JupyterLab that fetch its news, offer updates, and list extensions of package indexes."""
FOLDER_VARIABLE, LANGUAGE_VARIABLE = "CLOUD_LAB_FOLDER", "CLOUD_LAB_LANGUAGE"


def write(folder: Path, guest: Mapping[str, str], *, first: str, port: int, token: str) -> None:
    """Write the configuration, which only this user can read.

    Args:
        folder: of JupyterLab's own files.
        guest: as of ``environ``.
        first: the notebook that its address opens.
        token: that a browser needs.
    """
    root, language = guest[FOLDER_VARIABLE], guest[LANGUAGE_VARIABLE]
    server: dict[str, dict[str, object]] = {
        # https://jupyter-server.readthedocs.io/en/latest/other/full-config.html
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,  # the port is held for it, and its address is told
            "open_browser": False,  # a browser would inherit the cloud's proxy
            "root_dir": root,
            "terminado_settings": {"shell_command": _terminal(folder, guest)},
            "allow_root": os.geteuid() == 0,
            # Language servers are of no use here, and are looked for at every start.
            "jpserver_extensions": {"jupyter_lsp": False, "notebook_shim": False, "jupyterlab_jupytext": False},
        },
        "IdentityProvider": {"token": token},
        # https://jupyterlab.readthedocs.io/en/stable/user/announcements.html
        "LabApp": {
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "news_url": None,
            "extension_manager": "readonly",
            "default_url": f"/lab/tree/{first}",
        },
    }
    settings = {
        "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
        "@jupyterlab/translation-extension:plugin": {"locale": LANGUAGES[language]},
    }
    disabled = {"disabledExtensions": {f"@jupyterlab/{name}": True for name in _ASKS_THE_INTERNET}}
    # Notebooks of folders below find the learner's package as those beside it do.
    kernel = {
        "InteractiveShellApp": {"exec_lines": [f"import os; os.chdir(os.environ[{FOLDER_VARIABLE!r}]); del os"]},
        "HistoryManager": {"enabled": True},
    }
    config = folder / "config"
    for path, content in {
        config / "jupyter_server_config.json": server,
        config / "labconfig" / "default_setting_overrides.json": settings,
        config / "labconfig" / "page_config.json": disabled,
        folder / "ipython" / "profile_default" / "ipython_kernel_config.json": kernel,
    }.items():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(content, indent=2) + "\n")


def _terminal(folder: Path, guest: Mapping[str, str]) -> list[str]:
    """The user's shell. Jupyter would start a login shell, which may set PATH anew; so may the user's own file."""
    shell = guest.get("SHELL") or "/bin/sh"
    if Path(shell).name != "bash":
        return [shell]
    own = folder / "terminal.sh"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(own, f"[ -f ~/.bashrc ] && . ~/.bashrc\nexport PATH={shlex.quote(guest['PATH'])}\n")
    return [shell, "--rcfile", str(own)]


def environ(folder: Path, inherited: Mapping[str, str], *, root: Path, language: str, programs: Path) -> dict[str, str]:
    """``inherited``, such that JupyterLab, its kernels and its terminals use this lab's files and none of the user's.

    Args:
        folder: as of ``write``.
        programs: the folder of this Python, so that commands in a notebook find it where no environment is active.
    """
    path = inherited.get("PATH", os.defpath)
    return {
        # The lines of TensorFlow about the processor and missing GPUs would be the first that a learner reads.
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **inherited,
        # https://docs.jupyter.org/en/stable/use/jupyter-directories.html
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONUNBUFFERED": "1",  # else what Python prints in a cell of bash comes at its end
        "PATH": path if str(programs) in path.split(os.pathsep) else f"{programs}{os.pathsep}{path}",
        FOLDER_VARIABLE: str(root),
        LANGUAGE_VARIABLE: language,
    }

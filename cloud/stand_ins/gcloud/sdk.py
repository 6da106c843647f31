"""What concerns the Cloud SDK itself: nothing is installed or updated, and that is said."""

import argparse
import platform
import sys
from typing import Any

from cloud.stand_ins.gcloud.command_line import WHAT_IT_IS
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

_NOTHING_TO_DO = "There is nothing to install or update: "
_COMPONENTS = ("gcloud", "gsutil")
LIKE = "528.0.0"
"""The version of the Cloud SDK whose commands, output and statuses these are."""


@command("version", shows="none")
def version(_: Invocation, __: argparse.Namespace) -> None:
    sys.stdout.write(f"Google Cloud SDK {LIKE} (stand-in)\n{WHAT_IT_IS}\n")


@command("info", flag("--run-diagnostics", action="store_true"), flag("--show-log", action="store_true"))
def info(run: Invocation, flags: argparse.Namespace) -> Any:
    configuration = run.configuration
    found: dict[str, Any] = {
        "basic": {"version": LIKE, "python_version": platform.python_version(), "python_location": sys.executable},
        "config": {
            "account": configuration.get("core/account"),
            "project": configuration.get("core/project"),
            "active_config_name": configuration.name,
            "paths": {"global_config_dir": str(configuration.folder)},
            "properties": configuration.all(),
        },
    }
    if flags.format:
        return found
    write = sys.stdout.write
    write(f"Google Cloud SDK [{LIKE}] (stand-in)\n\n{WHAT_IT_IS}\n\n")
    write(f"Platform: [{platform.system()}, {platform.machine()}]\n")
    write(f"Python Version: [{platform.python_version()}]\nPython Location: [{sys.executable}]\n\n")
    write(f"User Config Directory: [{configuration.folder}]\nActive Configuration Name: [{configuration.name}]\n\n")
    write(f"Account: [{found['config']['account']}]\nProject: [{found['config']['project']}]\n\nCurrent Properties:\n")
    for section, values in sorted(configuration.all().items()):
        write(f"  [{section}]\n" + "".join(f"    {name}: [{value}]\n" for name, value in sorted(values.items())))
    return None


@command("init", flag("--console-only", "--no-launch-browser", action="store_true"))
def init(run: Invocation, _: argparse.Namespace) -> None:
    run.say(f"There is nothing to initialize: project [{run.configuration.get('core/project')}] and account are set.")
    run.say(WHAT_IT_IS)


@command("components update", flag("COMPONENT_IDS", nargs="*"), flag("--version"))
def update(run: Invocation, _: argparse.Namespace) -> None:
    run.say(_NOTHING_TO_DO + WHAT_IT_IS[0].lower() + WHAT_IT_IS[1:])


@command("components install", flag("COMPONENT_IDS", nargs="+"))
def install(run: Invocation, flags: argparse.Namespace) -> None:
    update(run, flags)


@command("components list", flag("--show-versions", action="store_true"), shows="table(name, id)", lists=True)
def components(run: Invocation, _: argparse.Namespace) -> list[Any]:
    run.say(WHAT_IT_IS)
    return [{"name": f"{name} (stand-in)", "id": name} for name in _COMPONENTS]

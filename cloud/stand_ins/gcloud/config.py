"""``gcloud config``."""

import argparse
import os
import sys
from typing import Any

from cloud.stand_ins.configuration import SECTIONS, Configuration, variable_of
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

_PROPERTY = flag("PROPERTY", metavar="SECTION/PROPERTY", nargs="?")
_INSTALLATION = flag("--installation", action="store_true")
_LISTED = (
    "table(name, is_active, properties.core.account, properties.core.project, "
    "properties.compute.zone:label=COMPUTE_DEFAULT_ZONE, properties.compute.region:label=COMPUTE_DEFAULT_REGION)"
)


def _key(text: str) -> str:
    """``section/name``; core is the section of a bare name.

    Raises:
        Failure: gcloud has no such section.
    """
    section, slash, name = text.rpartition("/")
    section = section if slash else "core"
    if section not in SECTIONS:
        raise Failure(f'Section "{section}" does not exist.')
    return f"{section}/{name}"


@command("config set", _PROPERTY, flag("VALUE", nargs="?"), _INSTALLATION)
def set_property(run: Invocation, flags: argparse.Namespace) -> None:
    _require(flags, "PROPERTY", "SECTION/PROPERTY")
    _require(flags, "VALUE", "VALUE")
    key, value = _key(flags.PROPERTY), flags.VALUE
    configuration = run.configuration
    configuration.overrides.clear()
    if key == "core/project":
        _warn_of_project(run, value)
    if key == "compute/region":
        _warn_of_region(run, value)
    shadow = _shadow(key)
    if shadow is not None:
        run.say(f"WARNING: Property [{key.partition('/')[2]}] is overridden by environment setting [{shadow}]")
    configuration.set(key, value)
    run.say(f"Updated property [{key}].")


def _shadow(key: str) -> str | None:
    variable = variable_of(key)
    return f"{variable}={os.environ[variable]}" if os.environ.get(variable) else None


def _warn_of_project(run: Invocation, project: str) -> None:
    from cloud.stand_ins.connection import escape
    from cloud.stand_ins.gcloud.api_errors import explain

    try:
        run.call("GET", "cloudresourcemanager", f"/v1/projects/{escape(project)}")
    except HttpError as error:
        run.say(f"WARNING: {explain(error, run, project)[0]}")
    except Failure as error:  # there is no cloud: gcloud sets the property all the same
        run.say(f"WARNING: {error.message}")


def _warn_of_region(run: Invocation, region: str) -> None:
    from cloud.stand_ins.gcloud.regions import REGION

    if REGION.fullmatch(region) is None:
        run.say(f"WARNING: {region} is not a valid region.")


@command("config unset", _PROPERTY, _INSTALLATION)
def unset(run: Invocation, flags: argparse.Namespace) -> None:
    _require(flags, "PROPERTY", "SECTION/PROPERTY")
    key = _key(flags.PROPERTY)
    run.configuration.set(key, None)
    run.say(f"Unset property [{key}].")


@command("config get-value", _PROPERTY)
def get_value(run: Invocation, flags: argparse.Namespace) -> Any:
    _require(flags, "PROPERTY", "SECTION/PROPERTY")
    value = run.configuration.get(_key(flags.PROPERTY))
    if value is None:
        run.say("(unset)")
        return None
    sys.stdout.write(f"{value}\n")
    return None


@command("config get", _PROPERTY)
def get(run: Invocation, flags: argparse.Namespace) -> Any:
    return get_value(run, flags)


@command("config list", _PROPERTY, flag("--all", action="store_true"))
def list_properties(run: Invocation, flags: argparse.Namespace) -> Any:
    found = run.configuration.all()
    wanted = flags.PROPERTY
    if wanted:
        key = _key(wanted if "/" in wanted or wanted not in SECTIONS else f"{wanted}/")
        section, _, name = key.partition("/")
        values = found.get(section, {})
        found = {section: values if not name else {name: values.get(name, "")}}
    if flags.format:
        return found
    for section, values in sorted(found.items()):
        sys.stdout.write(f"[{section}]\n")
        for name, value in sorted(values.items()):
            sys.stdout.write(f"{name} = {value}\n" if value else f"{name} (unset)\n")
    sys.stdout.flush()
    run.say(f"\nYour active configuration is: [{run.configuration.name}]")
    return None


@command("config configurations list", shows=_LISTED, lists=True)
def configurations(run: Invocation, _: argparse.Namespace) -> list[Any]:
    active = run.configuration.name
    return [
        {"name": name, "is_active": name == active, "properties": Configuration(name).stored()}
        for name in run.configuration.names()
    ]


@command("config configurations describe", flag("NAME"), flag("--all", action="store_true"))
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    _existing(run, flags.NAME)
    named = Configuration(flags.NAME)
    return {
        "is_active": named.name == run.configuration.name,
        "name": named.name,
        "properties": named.stored(),
    }


@command(
    "config configurations create",
    flag("NAME"),
    flag("--activate", action=argparse.BooleanOptionalAction, default=True),
)
def create(run: Invocation, flags: argparse.Namespace) -> None:
    run.configuration.create(flags.NAME)
    run.say(f"Created [{flags.NAME}].")
    if flags.activate:
        run.configuration.activate(flags.NAME)
        run.say(f"Activated [{flags.NAME}].")


@command("config configurations activate", flag("NAME"))
def activate(run: Invocation, flags: argparse.Namespace) -> None:
    _existing(run, flags.NAME)
    run.configuration.activate(flags.NAME)
    run.say(f"Activated [{flags.NAME}].")


@command("config configurations delete", flag("NAME", nargs="+"))
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    for name in flags.NAME:
        _existing(run, name)
        if name == run.configuration.name:
            raise Failure(
                f"Deleting named configuration failed because configuration [{name}] is set as active.  Use "
                "`gcloud config configurations activate` to change the active configuration."
            )
    run.confirm("The following configurations will be deleted:\n" + "".join(f" - {name}\n" for name in flags.NAME))
    for name in flags.NAME:
        run.configuration.delete(name)
        run.say(f"Deleted [{name}].")


def _existing(run: Invocation, name: str) -> None:
    if name not in run.configuration.names():
        raise Failure(f"Cannot find configuration [{name}], it does not exist.")


def _require(flags: argparse.Namespace, name: str, shown: str) -> None:
    if not getattr(flags, name):
        raise Failure(f"argument {shown}: Must be specified.", status=2)

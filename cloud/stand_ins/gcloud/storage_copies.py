"""``gcloud storage cp``, ``mv`` and ``rsync``."""

import argparse
import sys
from typing import Any

from cloud.stand_ins.copying import Copy, NoMatch, Omitted, Source, execute, plan, sources_of
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.urls import Url, is_url

_COMMON = (
    flag("URLS", nargs="*", metavar="SOURCE"),
    flag("--recursive", "-r", "-R", action="store_true"),
    flag("--no-clobber", "-n", action="store_true"),
    flag("--continue-on-error", "-c", action="store_true"),
    flag("--content-type"),
    flag("--cache-control"),
    flag("--gzip-in-flight-all", "-J", action="store_true"),
    flag("--gzip-local-all", "-Z", action="store_true"),
    flag("--read-paths-from-stdin", "-I", action="store_true"),
    flag("--print-created-message", "-v", action="store_true"),
    flag("--preserve-posix", "-P", action="store_true"),
    flag("--daisy-chain", "-D", action="store_true"),
    flag("--do-not-decompress", action="store_true"),
    flag("--skip-unsupported", "-U", action="store_true"),
)
_NOT_MATCHED = "The following URLs matched no objects or files:\n"


@command("storage cp", *_COMMON, shows="none")
def cp(run: Invocation, flags: argparse.Namespace) -> Any:
    copies, missing = _plan(run, flags)
    return _end(_copy_all(run, flags, copies), missing)


@command("storage mv", *_COMMON, shows="none")
def mv(run: Invocation, flags: argparse.Namespace) -> Any:
    flags.recursive = True
    copies, missing = _plan(run, flags)
    failed = _copy_all(run, flags, copies, removes=True)
    return _end(failed, missing)


def _plan(run: Invocation, flags: argparse.Namespace) -> tuple[list[Copy], list[str]]:
    *sources, destination = flags.URLS or [""]
    if flags.read_paths_from_stdin:
        sources += [line.rstrip("\n") for line in sys.stdin]
    if not flags.URLS:
        raise Failure("argument DESTINATION: Must be specified.", status=2)
    if not sources:
        raise Failure("Must have URL arguments if not reading paths from stdin.")
    found: list[Source] = []
    missing: list[str] = []
    for each in sources:
        try:
            found += sources_of(run.storage, each, recursive=flags.recursive)
        except NoMatch as error:
            missing.append(error.source)
        except Omitted as error:
            run.say(f"WARNING: Omitting {error.source} because it is a container, and recursion is not enabled.")
            missing.append(each)
    if destination == "-":
        for source in found:
            _to_stdout(run, source)
        return [], missing
    return plan(run.storage, found, destination, count=len(sources)) if found else [], missing


def _to_stdout(run: Invocation, source: Source) -> None:
    run.say("WARNING: Using sequential instead of parallel task execution to write to a stream.")
    run.say(f"Copying {source.shown} to file://-")
    if isinstance(source.place, Url):
        run.storage.read(source.place, sys.stdout.buffer)
    else:
        sys.stdout.buffer.write(source.place.read_bytes())


def _copy_all(run: Invocation, flags: argparse.Namespace, copies: list[Copy], *, removes: bool = False) -> bool:
    """Returns whether something failed."""
    failed, dots = False, 0
    for each in copies:
        if flags.no_clobber and _exists(run, each):
            run.say(f"Skipping existing destination item (no-clobber): {each.shown_target}")
            continue
        run.say(f"Copying {each.source.shown} to {each.shown_target}")
        try:
            execute(run.storage, each, flags.content_type)
        except (Failure, OSError) as error:
            run.say(f"ERROR: {_reason(error)}")
            failed = True
            if not flags.continue_on_error:
                break
            continue
        dots += 1
        if removes:
            run.say(f"Removing {each.source.shown}...")
            _remove(run, each.source)
    if copies:
        run.say("  \n" + "." * dots)
    return failed


def _exists(run: Invocation, each: Copy) -> bool:
    return run.storage.find(each.target) is not None if isinstance(each.target, Url) else each.target.exists()


def _remove(run: Invocation, source: Source) -> None:
    if isinstance(source.place, Url):
        run.storage.delete(source.place)
    else:
        source.place.unlink()


def _reason(error: Failure | OSError) -> str:
    if isinstance(error, HttpError):
        return f"HTTPError {error.code}: {error.message}"
    return (
        error.message if isinstance(error, Failure) else f"[Errno {error.errno}] {error.strerror}: {error.filename!r}"
    )


def _end(failed: bool, missing: list[str]) -> Any:  # noqa: FBT001
    if missing:
        raise Failure(_NOT_MATCHED + "\n".join(missing))
    return None, 1 if failed else 0


@command(
    "storage rsync",
    flag("SOURCE"),
    flag("DESTINATION"),
    flag("--recursive", "-r", "-R", action="store_true"),
    flag("--delete-unmatched-destination-objects", "-d", action="store_true"),
    flag("--exclude", "-x"),
    flag("--checksums-only", action="store_true"),
    flag("--continue-on-error", action="store_true"),
    flag("--no-clobber", "-n", action="store_true"),
    flag("--dry-run", action="store_true"),
    shows="none",
)
def rsync(run: Invocation, flags: argparse.Namespace) -> Any:
    from cloud.stand_ins import syncing

    work = syncing.compare(
        run.storage,
        flags.SOURCE,
        flags.DESTINATION,
        recursive=flags.recursive,
        deletes=flags.delete_unmatched_destination_objects,
        exclude=flags.exclude,
    )
    if flags.dry_run:
        for each in work.copies:
            run.say(f"Would copy {each.source.shown} to {each.shown_target}")
        for place in work.removals:
            run.say(f"Would remove {place}")
        return None
    flags.content_type = None
    failed = _copy_all(run, flags, work.copies)
    for place in work.removals:
        run.say(f"Removing {place}...")
        if isinstance(place, Url):
            run.storage.delete(place)
        else:
            place.unlink()
    if not is_url(flags.SOURCE) and not is_url(flags.DESTINATION):
        raise Failure("At least one of the two must be in Cloud Storage.")
    return None, 1 if failed else 0

"""``gsutil cp``, ``mv`` and ``rsync``."""

import sys
from pathlib import Path

from cloud.stand_ins.copying import Copy, NoMatch, Omitted, Source, execute, plan, sources_of
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gsutil.commands import CommandFailure, Invocation, command
from cloud.stand_ins.gsutil.transfer import Progress
from cloud.stand_ins.objects import content_type_of
from cloud.stand_ins.urls import Url, is_url

_CP = (
    "gsutil cp [OPTION]... src_url dst_url\ngsutil cp [OPTION]... src_url... dst_url\ngsutil cp [OPTION]... -I dst_url"
)


@command("cp", "a:AcDeIL:MNnpPrRs:tUvz:Zj:Ji:", _CP)
def cp(run: Invocation) -> int:
    *texts, destination = run.arguments
    if run.has("-I"):
        texts += [line.rstrip("\n") for line in sys.stdin]
    if not texts:
        raise CommandFailure(f"The cp command requires at least 2 arguments.\nUsage:\n\n  {_CP}")
    return _copy(run, texts, destination, removes=False)


@command(
    "mv", "a:AcDeIL:MNnpPrRs:tUvz:Zj:J", "gsutil mv [-p] src_url dst_url\ngsutil mv [-p] src_url... dst_url", least=2
)
def mv(run: Invocation) -> int:
    *texts, destination = run.arguments
    run.options.append(("-r", ""))
    return _copy(run, texts, destination, removes=True)


def _copy(run: Invocation, texts: list[str], destination: str, *, removes: bool) -> int:
    found, failed = _sources(run, texts)
    if destination == "-":
        for each in found:
            if isinstance(each.place, Url):
                run.storage.read(each.place, sys.stdout.buffer)
            else:
                sys.stdout.buffer.write(each.place.read_bytes())
        return 0
    copies = plan(run.storage, found, destination, count=len(texts))
    return _execute(run, copies, removes=removes) or failed


def _sources(run: Invocation, texts: list[str]) -> tuple[list[Source], int]:
    found: list[Source] = []
    failed = 0
    for text in texts:
        try:
            found += sources_of(run.storage, text, recursive=run.has("-r", "-R"))
        except NoMatch as error:
            raise CommandFailure(f"No URLs matched: {error.source}") from None
        except Omitted as error:
            kind = "bucket" if error.source.startswith("gs://") else "directory"
            run.say(f'Omitting {kind} "{error.source}". (Did you mean to do cp -r?)')
            failed = 1
    if not found and failed:
        raise CommandFailure("No URLs matched. Do the files you're operating on exist?")
    return found, 0


def _execute(run: Invocation, copies: list[Copy], *, removes: bool = False) -> int:
    progress = Progress(run, len(copies), sum(each.source.size for each in copies))
    failed = 0
    for each in copies:
        if run.has("-n") and _exists(run, each):
            run.say(f"Skipping existing item: {each.shown_target}")
            continue
        place = each.source.place
        is_in_cloud = isinstance(place, Url) and isinstance(each.target, Url)
        own = each.source.resource.get("contentType") if is_in_cloud and each.source.resource else None
        given = run.headers.get("Content-Type")
        kind = given or (content_type_of(place) if isinstance(place, Path) else own)
        progress.copying(each.source.shown, kind, each.source.size)
        try:
            execute(run.storage, each, given)
        except (Failure, OSError) as error:
            if not run.has("-c"):
                raise
            run.say(f"Error copying {each.source.shown}: {error}. Continuing...")
            failed += 1
            continue
        progress.copied(each.source.size)
        if removes:
            progress.removing(each.source.shown)
            if isinstance(place, Url):
                run.storage.delete(place)
            else:
                place.unlink()
    if copies:
        progress.end()
    if failed:
        raise CommandFailure(f"{failed} files/objects could not be transferred.")
    return 0


def _exists(run: Invocation, each: Copy) -> bool:
    return run.storage.find(each.target) is not None if isinstance(each.target, Url) else each.target.exists()


@command("rsync", "a:cCdenpPrRuUx:i", "gsutil rsync [OPTION]... src_url dst_url", least=2, most=2)
def rsync(run: Invocation) -> int:
    from cloud.stand_ins.syncing import compare

    source, destination = run.arguments
    if not is_url(source) and not is_url(destination):
        raise CommandFailure("At least one of the two must be in Cloud Storage: the stand-in copies no local folders.")
    run.say("Building synchronization state...")
    work = compare(
        run.storage,
        source,
        destination,
        recursive=run.has("-r", "-R"),
        deletes=run.has("-d"),
        exclude=run.value("-x"),
    )
    run.say("Starting synchronization...")
    if run.has("-n"):
        for each in work.copies:
            run.say(f"Would copy {each.source.shown} to {each.shown_target}")
        for place in work.removals:
            run.say(f"Would remove {place}")
        return 0
    status = _execute(run, work.copies)
    for place in work.removals:
        run.say(f"Removing {place}")
        if isinstance(place, Url):
            run.storage.delete(place)
        else:
            place.unlink()
    return status

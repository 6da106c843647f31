"""Errors and warnings of the command lines."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cloud.errors import CloudError, InvalidArgument, Unimplemented


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn errors that the user can act on into one line and an exit status."""
    try:
        yield
    except CloudError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, (InvalidArgument, Unimplemented)) else 1)
    except OSError as error:
        from cloud.engine.disk import disk_full

        full = disk_full(error)
        if full is None:
            raise
        click.echo(f"error: {full}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def warn(message: str) -> None:
    click.echo(f"warning: {message}", err=True)

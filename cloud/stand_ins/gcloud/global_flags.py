"""The flags that every command of gcloud takes (``gcloud topic gcloud``)."""

import argparse

from cloud.stand_ins.gcloud.commands import Flag, flag, switch

GLOBAL: tuple[Flag, ...] = (
    flag("--project"),
    flag("--account"),
    flag("--configuration"),
    flag("--format"),
    flag("--verbosity"),
    flag("--billing-project"),
    flag("--impersonate-service-account"),
    flag("--access-token-file"),
    flag("--flags-file"),
    flag("--flatten"),
    flag("--trace-token"),
    switch("--log-http"),
    flag("--quiet", "-q", action="store_true", default=None),
    flag("--help", "-h", action="store_true"),
    flag("--user-output-enabled", nargs="?", const="true"),
    flag("--no-user-output-enabled", dest="user_output_enabled", action="store_const", const="false"),
)
OF_LISTS: tuple[Flag, ...] = (
    flag("--filter"),
    flag("--limit", type=int),
    flag("--page-size", type=int),
    flag("--sort-by"),
    flag("--uri", action="store_true"),
)
NOT_DONE = ("impersonate_service_account", "access_token_file", "flags_file")
"""Flags whose effect the stand-in does not have."""


def add_flags(parser: argparse.ArgumentParser, flags: tuple[Flag, ...]) -> None:
    for each in flags:
        parser.add_argument(*each.names, **each.options)

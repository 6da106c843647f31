"""gcloud's configuration folder, as ``gcloud auth activate-service-account`` and ``gcloud config set`` leave it.

What these commands write later has its effect, which it would not have beside variables of the environment. Settings:
https://cloud.google.com/sdk/docs/configurations. Credentials are rows of a database, whose form is that of gcloud's
``core/credentials/creds.py``.
"""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from cloud.engine.state_folder import write_private


def write_gcloud_folder(folder: Path, key: Mapping[str, str], *, project: str, region: str) -> None:
    """Make ``folder`` anew: gcloud keeps tokens there, maybe of an earlier run.

    Args:
        key: of the account that is active, as in a service account's key file.
    """
    shutil.rmtree(folder, ignore_errors=True)
    configurations = folder / "configurations"
    configurations.mkdir(parents=True, mode=0o700)
    account = key["client_email"]
    write_private(folder / "active_config", "default")
    write_private(
        configurations / "config_default",
        f"[core]\naccount = {account}\nproject = {project}\n\n[compute]\nregion = {region}\n",
    )
    credentials = folder / "credentials.db"
    write_private(credentials, "")
    with closing(sqlite3.connect(credentials)) as database, database:
        database.execute('CREATE TABLE "credentials" (account_id TEXT PRIMARY KEY, value BLOB)')
        database.execute('INSERT INTO "credentials" VALUES (?, ?)', (account, json.dumps(dict(key))))

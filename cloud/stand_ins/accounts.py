"""Whose requests they are: the owner's need no token, a service account's need one of its own."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.stand_ins.failures import Failure

if TYPE_CHECKING:
    from cloud.stand_ins.connection import Connection

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"


def owner_account() -> str | None:
    """Of the credentials in the environment of ``cloud.serve``."""
    try:
        found = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
        return str(found["client_email"])
    except (KeyError, OSError, ValueError):
        return None


def known_accounts(folder: Path) -> dict[str, dict[str, Any]]:
    """The keys in gcloud's database, by account."""
    path = folder / "credentials.db"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as database:
        try:
            rows = database.execute('SELECT account_id, value FROM "credentials"').fetchall()
        except sqlite3.DatabaseError:
            return {}
    return {account: json.loads(value) for account, value in rows}


def remember_account(folder: Path, key: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "credentials.db")) as database, database:
        database.execute('CREATE TABLE IF NOT EXISTS "credentials" (account_id TEXT PRIMARY KEY, value BLOB)')
        database.execute('REPLACE INTO "credentials" VALUES (?, ?)', (key["client_email"], json.dumps(key)))


def token_of(account: str | None, folder: Path, connection: "Connection") -> str | None:
    """A token of the active account; None where it is the owner, who needs none.

    Raises:
        Failure: it has no credentials here.
    """
    if account is None or account == owner_account():
        return None
    key = known_accounts(folder).get(account)
    if key is None:
        raise Failure(
            f"Your current active account [{account}] does not have any valid credentials\n"
            "Please run:\n\n  $ gcloud auth login\n\nto obtain new credentials.\n\n"
            "If you have already logged in with a different account, run:\n\n"
            "  $ gcloud config set account ACCOUNT\n\nto select an already authenticated account to use."
        )
    return _exchange(key, connection)


def owner_token(connection: "Connection") -> str:
    """The owner's, for programs that send one."""
    with connection.open("GET", "metadata.google.internal", _METADATA, None, None, {"Metadata-Flavor": "Google"}) as it:
        return str(json.loads(it.read())["access_token"])


def _exchange(key: dict[str, Any], connection: "Connection") -> str:
    # https://developers.google.com/identity/protocols/oauth2/service-account#httprest
    from base64 import urlsafe_b64encode
    from urllib.parse import urlencode

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    private = serialization.load_pem_private_key(key["private_key"].encode(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Failure(f"the key of {key['client_email']} is no RSA key")
    now = int(time.time())
    uri = key.get("token_uri", "https://oauth2.googleapis.com/token")
    head = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    claims = {"iss": key["client_email"], "scope": _SCOPE, "aud": uri, "iat": now, "exp": now + 3600}
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
    signature = private.sign(b".".join(parts), padding.PKCS1v15(), hashes.SHA256())
    assertion = b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    body = urlencode({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with connection.open("POST", "oauth2", "/token", None, body, kind) as response:
        return str(json.loads(response.read())["access_token"])

"""IAM's ``ServiceAccount`` and ``ServiceAccountKey``. Pure."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cloud.emulator.oauth2.private_keys import parse
from cloud.emulator.rest.scalars import timestamp
from cloud.engine.project.records import AccountKey, ServiceAccount
from cloud.resources import Json

_FOREVER = "9999-12-31T23:59:59Z"


def account_json(project: str, account: ServiceAccount, etag: str) -> dict[str, Json]:
    texts = {"displayName": account.display_name, "description": account.description}
    return {
        "name": f"projects/{project}/serviceAccounts/{account.email}",
        "projectId": project,
        "uniqueId": account.unique_id,
        "email": account.email,
        **{name: text for name, text in texts.items() if text},
        "etag": etag,
        "oauth2ClientId": account.unique_id,
    }


def key_json(project: str, key: AccountKey) -> dict[str, Json]:
    certificate = parse(key.public)
    found = {
        "name": f"projects/{project}/serviceAccounts/{key.email}/keys/{key.id}",
        "keyAlgorithm": f"KEY_ALG_RSA_{certificate.public.key_size}",
        "keyType": "USER_MANAGED",
    }
    if certificate.name == key.id:
        created = timestamp(datetime.fromtimestamp(int(key.create_time), UTC))
        return {**found, "keyOrigin": "GOOGLE_PROVIDED", "validAfterTime": created, "validBeforeTime": _FOREVER}
    first, last = (timestamp(datetime.fromtimestamp(at, UTC)) for at in (certificate.first, certificate.last))
    return {**found, "keyOrigin": "USER_PROVIDED", "validAfterTime": first, "validBeforeTime": last}


def new_key_json(project: str, key: AccountKey, file: Mapping[str, str]) -> dict[str, Json]:
    """The answer to the creation of a key, the only one with its private half: in the form of clients' files."""
    return {
        **key_json(project, key),
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "privateKeyData": encoded(json.dumps(file, indent=2)),
    }


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

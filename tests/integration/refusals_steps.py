"""What Google's clients make of refusals: each asks thrice for something that is not emulated. Results as JSON."""

import json
import sys
import time
from collections.abc import Callable

LOCATION = "projects/lab-project/locations/us-central1"


def googleapiclient_method() -> Callable[[], object]:
    from googleapiclient.discovery import build

    studies = build("ml", "v1").projects().locations().studies()
    return lambda: studies.list(parent=LOCATION).execute(num_retries=3)


def googleapiclient_service() -> Callable[[], object]:
    from googleapiclient.discovery import build

    datasets = build("bigquery", "v2").datasets()
    return lambda: datasets.list(projectId="lab-project").execute(num_retries=3)


def storage() -> Callable[[], object]:
    from google.cloud.storage import Client

    client = Client()
    return lambda: list(client.list_hmac_keys())


def bigquery() -> Callable[[], object]:
    from google.cloud.bigquery import Client

    client = Client()
    return lambda: client.query("select 1").result()


def genai() -> Callable[[], object]:
    from google.genai import Client

    client = Client(vertexai=True, project="lab-project", location="us-central1")
    return lambda: client.models.generate_content(model="gemini-2.0-flash", contents="hi")


def asked(call: Callable[[], object]) -> dict[str, object]:
    """The fastest of three answers: the first may fetch a token, and this machine may be busy."""
    seconds, said = [], ""
    for _ in range(3):
        began = time.monotonic()
        try:
            call()
        except Exception as error:  # noqa: BLE001 - each client has its own
            said = f"{getattr(error, 'code', None) or getattr(error, 'status_code', None)} {error}"
        seconds.append(time.monotonic() - began)
    return {"seconds": min(seconds), "slowest": max(seconds), "said": said}


CLIENTS = (
    googleapiclient_method,
    googleapiclient_service,
    storage,
    bigquery,
    genai,
)

if __name__ == "__main__":
    json.dump({make.__name__: asked(make()) for make in CLIENTS}, sys.stdout)

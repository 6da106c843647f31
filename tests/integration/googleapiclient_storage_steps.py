"""Every method of Cloud Storage by googleapiclient: ``python googleapiclient_storage_steps.py STEP JSON``. It imports
nothing of this project."""

import io
import json
import sys
from pathlib import Path

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload, MediaInMemoryUpload, MediaIoBaseDownload
from googleapiclient_steps import build, method_ids

BUCKET = "by-the-api-client"
DATA = bytes(range(256)) * 4096


def failure(request, *args) -> list:
    try:
        request.execute(*args)
    except HttpError as error:
        return reason(error)
    raise AssertionError("it did not fail")


def reason(error: HttpError) -> list:
    return [error.resp.status, json.loads(error.content)["error"]["errors"][0]["reason"]]


def storage(project: str, account: str, folder: str) -> dict:
    api = build("storage", "v1")
    buckets, objects, found = api.buckets(), api.objects(), {}
    body = {"name": BUCKET, "location": "europe-west1", "labels": {"team": "taxi"}}
    buckets.insert(project=project, body=body).execute()
    made = buckets.get(bucket=BUCKET, projection="full").execute()
    found["bucket"] = [made["location"], made["labels"]]
    found["managed folders"] = failure(api.managedFolders().list(bucket=BUCKET))
    found["layout"] = buckets.getStorageLayout(bucket=BUCKET).execute()["locationType"]
    found["buckets"] = [one["name"] for one in buckets.list(project=project, prefix="by-").execute()["items"]]
    patched = buckets.patch(bucket=BUCKET, body={"labels": {"team": "fares"}}).execute()
    updated = buckets.update(bucket=BUCKET, body={"acl": made["acl"], "defaultObjectAcl": made["defaultObjectAcl"]})
    found["changed"] = [patched["labels"], updated.execute().get("labels", {})]
    known = api.projects().serviceAccount().get(projectId=project).execute()
    found["account"] = known["email_address"].endswith("gserviceaccount.com")

    upload(objects, folder, found)
    download(objects, found)
    change(objects, found)
    found["acls"] = {
        "bucketAccessControls": acl(api.bucketAccessControls(), account, "WRITER", "READER", "OWNER"),
        "defaultObjectAccessControls": acl(api.defaultObjectAccessControls(), account, "READER", "OWNER", "READER"),
        "objectAccessControls": acl(
            api.objectAccessControls(), account, "READER", "OWNER", "READER", object="simple.txt"
        ),
    }
    member = f"serviceAccount:{account}"
    found["policies"] = {
        "buckets": policy(buckets, "roles/storage.objectViewer", member, "storage.buckets.get"),
        "objects": policy(
            objects, "roles/storage.legacyObjectReader", member, "storage.objects.get", object="simple.txt"
        ),
    }
    found["missing"] = failure(objects.get(bucket=BUCKET, object="nope"))
    found["full"] = failure(buckets.delete(bucket=BUCKET))
    found["batch"] = empty(api, objects)
    buckets.delete(bucket=BUCKET).execute()
    found["gone"] = failure(buckets.get(bucket=BUCKET))
    found["kept"] = kept(api, buckets, objects, project)
    return found | {"method_ids": sorted(method_ids)}


def upload(objects, folder: str, found: dict) -> None:
    big = Path(folder, "big.bin")
    big.write_bytes(DATA)
    simple = MediaInMemoryUpload(b"text", "text/plain")
    sizes = {"simple.txt": objects.insert(bucket=BUCKET, name="simple.txt", media_body=simple).execute()["size"]}
    whole = MediaFileUpload(big, "application/x-taxi", chunksize=-1, resumable=True)
    body = {"name": "whole.bin", "metadata": {"made": "by hand"}}
    sizes["whole.bin"] = objects.insert(bucket=BUCKET, body=body, media_body=whole).execute()["size"]
    pieces = MediaFileUpload(big, "application/x-taxi", chunksize=2**18, resumable=True)
    request, response, progress = objects.insert(bucket=BUCKET, name="pieces.bin", media_body=pieces), None, []
    while response is None:
        status, response = request.next_chunk()
        progress.append(status and status.progress())
    sizes["pieces.bin"] = response["size"]
    found["uploaded"], found["pieces"] = sizes, progress


def download(objects, found: dict) -> None:
    found["text"] = objects.get_media(bucket=BUCKET, object="simple.txt").execute().decode()
    out, pieces, done = io.BytesIO(), 0, False
    downloading = MediaIoBaseDownload(out, objects.get_media(bucket=BUCKET, object="pieces.bin"), chunksize=2**18)
    while not done:
        _, done = downloading.next_chunk()
        pieces += 1
    found["downloaded"] = [out.getvalue() == DATA, pieces]
    listing, pages = objects.list(bucket=BUCKET, maxResults=1, fields="nextPageToken,items(name)"), []
    while listing is not None:
        page = listing.execute()
        pages.append([item["name"] for item in page["items"]])
        listing = objects.list_next(listing, page)
    found["listed"] = pages
    # The client sends a URL of this length in the body of a POST.
    between = {"startOffset": "!" * 1000, "endOffset": "~" * 1000}
    response = objects.list(bucket=BUCKET, fields="items(name)", **between).execute()
    found["listed between"] = [item["name"] for item in response["items"]]


def change(objects, found: dict) -> None:
    parts = {"sourceObjects": [{"name": "simple.txt"}] * 2, "destination": {"contentType": "text/plain"}}
    joined = objects.compose(destinationBucket=BUCKET, destinationObject="joined.txt", body=parts).execute()
    there = {"sourceBucket": BUCKET, "sourceObject": "joined.txt", "destinationBucket": BUCKET, "body": {}}
    copied = objects.copy(destinationObject="copied.txt", **there).execute()
    rewritten = objects.rewrite(destinationObject="rewritten.txt", **there).execute()["resource"]
    moved = objects.move(bucket=BUCKET, sourceObject="copied.txt", destinationObject="moved.txt").execute()
    found["joined"] = [one["size"] for one in (joined, copied, rewritten, moved)]
    found["moved"] = moved["name"]
    name = {"bucket": BUCKET, "object": "joined.txt"}
    patched = objects.patch(body={"metadata": {"clé": "wert"}}, ifMetagenerationMatch=1, **name).execute()
    updated = objects.update(body={"contentType": "text/plain"}, **name).execute()
    found["metadata"] = [patched["metadata"], updated.get("metadata", {})]
    found["stale"] = failure(objects.patch(body={}, ifMetagenerationMatch=1, **name))


def acl(controls, account: str, first: str, second: str, third: str, **object_: str) -> list:
    name = {"bucket": BUCKET, **object_}
    entity = f"user-{account}"
    inserted = controls.insert(body={"entity": entity, "role": first}, **name).execute()["role"]
    controls.patch(entity=entity, body={"role": second}, **name).execute()
    patched = controls.get(entity=entity, **name).execute()["role"]
    updated = controls.update(entity=entity, body={"entity": entity, "role": third}, **name).execute()["role"]
    listed = entity in [entry["entity"] for entry in controls.list(**name).execute()["items"]]
    controls.delete(entity=entity, **name).execute()
    return [inserted, patched, updated, listed, failure(controls.get(entity=entity, **name))]


def policy(resource, role: str, member: str, permission: str, **object_: str) -> list:
    name = {"bucket": BUCKET, **object_}
    read = resource.getIamPolicy(**name).execute()
    read["bindings"].append({"role": role, "members": [member]})
    written = resource.setIamPolicy(body=read, **name).execute()
    granted = any(one["role"] == role and member in one["members"] for one in written["bindings"])
    stale = failure(resource.setIamPolicy(body=read, **name))
    held = resource.testIamPermissions(permissions=permission, **name).execute()["permissions"]
    return [granted, stale, held]


def empty(api, objects) -> list:
    """Delete every object in one batch, and one that does not exist."""
    outcomes = {}

    def keep(name, _, error):
        outcomes[name] = error and reason(error)

    batch = api.new_batch_http_request(callback=keep)
    names = [item["name"] for item in objects.list(bucket=BUCKET).execute()["items"]]
    for name in (*names, "nope"):
        batch.add(objects.delete(bucket=BUCKET, object=name), request_id=name)
    batch.execute()
    return [all(outcomes[name] is None for name in names), outcomes["nope"]]


def kept(api, buckets, objects, project: str) -> dict:
    """A bucket that keeps what is deleted, and objects for a second."""
    name, found = f"{BUCKET}-keeps", {}
    keeps = {"softDeletePolicy": {"retentionDurationSeconds": str(7 * 24 * 3600)}}
    made = buckets.insert(project=project, body={"name": name, **keeps}).execute()
    generations = {}
    for each in ("one", "two"):
        media = MediaInMemoryUpload(b"text", "text/plain")
        generations[each] = objects.insert(bucket=name, name=each, media_body=media).execute()["generation"]
        objects.delete(bucket=name, object=each).execute()
    restored = objects.restore(bucket=name, object="one", generation=generations["one"]).execute()
    found["restored"] = [restored["size"], restored["metageneration"]]
    operation = objects.bulkRestore(bucket=name, body={"matchGlobs": ["t*"]}).execute()
    operations, number = api.operations(), operation["name"].rpartition("/")[2]
    found["operation"] = [
        operations.get(bucket=name, operationId=number).execute() == operation,
        len(operations.list(bucket=name).execute()["operations"]),
    ]
    operations.cancel(bucket=name, operationId=number).execute()
    found["listed"] = [item["name"] for item in objects.list(bucket=name).execute()["items"]]
    for each in ("one", "two"):
        objects.delete(bucket=name, object=each).execute()
    buckets.delete(bucket=name).execute()
    found["bucket"] = buckets.restore(bucket=name, generation=made["generation"]).execute()["name"] == name
    policy = {"retentionPolicy": {"retentionPeriod": "1"}}
    patched = buckets.patch(bucket=name, body=policy).execute()
    locked = buckets.lockRetentionPolicy(bucket=name, ifMetagenerationMatch=patched["metageneration"]).execute()
    found["locked"] = locked["retentionPolicy"]["isLocked"]
    return found


if __name__ == "__main__":
    print(json.dumps(storage(**json.loads(sys.argv[2]))))  # noqa: T201

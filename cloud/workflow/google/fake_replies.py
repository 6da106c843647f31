"""Answers as Google would give them if all went well, for a run that is only rehearsed. Nothing is sent."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from cloud.resources import Json

MOMENT = "2000-01-01T00:00:00Z"
NUMBER = "000000000000"
"""Stands for the project's number."""
_MODEL = "saved_model.pb"


class Absent(Exception):
    """A 404."""


class Pretence:
    """A project in which nothing is yet."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Json]] = {}
        """Resources by name."""
        self._objects: set[tuple[str, str]] = set()
        self._logged = {"textPayload": "Job completed successfully.", "timestamp": MOMENT, "insertId": "1"}
        self._answers: dict[str, Callable[[str, Mapping[str, str], Json], Json]] = {
            "logging.entries.list": lambda *_: {"entries": [self._logged]},
            "ml.projects.getConfig": lambda *_: {"serviceAccount": f"service-{NUMBER}@cloud-ml.google.com"},
            "ml.projects.predict": lambda _, __, body: {"predictions": [0.0 for _ in body["instances"]]},
            "storage.projects.serviceAccount.get": lambda *_: {"email_address": f"service-{NUMBER}@gs"},
            "storage.buckets.insert": lambda _, __, body: self._keep(
                f"b/{body['name']}", body | {"timeCreated": MOMENT}
            ),
            "storage.buckets.get": self._get,
            "storage.buckets.delete": self._delete,
            "storage.objects.insert": self._insert,
            "storage.objects.get": lambda *_: {},
            "storage.objects.list": self._list_objects,
            "storage.objects.delete": self._delete_object,
        }

    def answer(self, method_id: str, url: str, body: Json) -> Json:
        """Raises:
        Absent: what is asked for was not made before.
        """
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/upload").removeprefix("/storage/v1").lstrip("/").removeprefix("v1/")
        if method_id in self._answers:
            return self._answers[method_id](path, query, body)
        if method_id.startswith("storage."):
            return {}  # access control
        return getattr(self, f"_{_snake(method_id.rpartition('.')[2])}")(path, query, body)

    # ---------------------------------------------------------------- any resource

    def _keep(self, name: str, resource: dict[str, Json]) -> dict[str, Json]:
        self._made[name] = {"createTime": MOMENT, **resource}
        return self._made[name]

    def _create(self, path: str, _: object, body: Json) -> Json:
        collection = path.rpartition("/")[2]
        name = f"{path}/{body.get('jobId') or body.get('name') or f'{len(self._made) + 1}'}"
        job = body.get("jobSpec") or body.get("trainingInput")
        if job:
            folder = job.get("jobDir") or job["baseOutputDirectory"]["outputUriPrefix"]
            bucket, _, prefix = str(folder).removeprefix("gs://").partition("/")
            self._objects.add((bucket, f"{prefix}/export/{_MODEL}"))
        ended = {"state": "JOB_STATE_SUCCEEDED" if "jobSpec" in body else "SUCCEEDED"} if job else {"state": "READY"}
        made = self._keep(name, {**body, **ended, "name": name})
        if collection == "endpoints":
            return {"name": f"{name}/operations/1", "done": True, "response": made}
        return {"done": True, "metadata": {"version": made}} if collection == "versions" else made

    def _get(self, path: str, *_: object) -> Json:
        if path not in self._made:
            raise Absent(path)
        return self._made[path]

    def _list(self, path: str, query: Mapping[str, str], _: object) -> Json:
        wanted = query.get("filter", "")
        found = [
            item
            for name, item in self._made.items()
            if name.rpartition("/")[0] == path and f'"{item.get("displayName", "")}"' in wanted
        ]
        return {path.rpartition("/")[2]: found} if found else {}

    def _delete(self, path: str, *_: object) -> Json:
        self._made.pop(path, None)
        return {"name": f"{path}/operations/1", "done": True, "response": {}}

    # ---------------------------------------------------------------- models and deployments

    def _upload(self, path: str, _: object, body: Json) -> Json:
        name = f"{path.partition(':')[0]}/{len(self._made) + 1}"
        self._keep(name, {**body["model"], "name": name, "versionId": "1", "versionAliases": ["default"]})
        return {"name": f"{name}/operations/1", "done": True, "response": {"model": name}}

    def _list_versions(self, path: str, *_: object) -> Json:
        return {"models": [self._get(path.partition(":")[0])]}

    def _deploy_model(self, path: str, _: object, body: Json) -> Json:
        endpoint = self._get(path.partition(":")[0])
        endpoint["deployedModels"] = [{**body["deployedModel"], "id": "1"}]
        endpoint["trafficSplit"] = {"1": 100}
        return {"name": f"{endpoint['name']}/operations/1", "done": True, "response": {}}

    def _undeploy_model(self, path: str, *_: object) -> Json:
        endpoint = self._get(path.partition(":")[0])
        del endpoint["deployedModels"], endpoint["trafficSplit"]
        return {"name": f"{endpoint['name']}/operations/1", "done": True, "response": {}}

    def _predict(self, _: object, __: object, body: Json) -> Json:
        return {"predictions": [0.0 for _ in body["instances"]], "deployedModelId": "1"}

    # ---------------------------------------------------------------- buckets and objects

    def _insert(self, path: str, query: Mapping[str, str], _: object) -> Json:
        self._objects.add((path.split("/")[1], query["name"]))
        return _object(query["name"])

    def _list_objects(self, path: str, query: Mapping[str, str], _: object) -> Json:
        bucket, prefix = path.split("/")[1], query.get("prefix", "")
        return {
            "items": [_object(name) for at, name in sorted(self._objects) if at == bucket and name.startswith(prefix)]
        }

    def _delete_object(self, path: str, *_: object) -> Json:
        _b, bucket, _o, name = path.split("/", 3)
        self._objects.discard((bucket, unquote(name)))
        return {}


def _object(name: str) -> Json:
    return {"name": name, "size": "0", "generation": "1", "updated": MOMENT}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)

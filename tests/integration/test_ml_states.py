"""ML Engine's jobs, and models with versions, over HTTP against models of a few lines: ids, states, defaults, etags,
pages, policies and error codes, across restarts. ``EXAMPLES=500 STEPS=50 pytest ...`` sets their numbers."""

import asyncio
import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloud.lifecycle import JOB_TRANSITIONS, JobEvent, JobState, VersionEvent
from cloud.resources import Json
from emulator_api.ml_requests import training_job, version
from integration.ml_machine import ETAG_KINDS, LABELS, POLICIES, MlMachine

STEPS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "5")),
    stateful_step_count=int(os.environ.get("STEPS", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
IDS = st.sampled_from(["a", "b_1", "C"])
SIZES = st.integers(1, 4)


@dataclass
class Job:
    labels: dict[str, str]
    etag: str
    state: JobState = JobState.QUEUED


class Jobs(MlMachine):
    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Job] = {}

    @rule(job_id=IDS, labels=LABELS)
    def create(self, job_id: str, labels: dict[str, str]) -> None:
        body = training_job(job_id) | {"labels": labels}
        if job_id in self.jobs:
            assert self.expect(409, "POST", "/jobs", body)["status"] == "ALREADY_EXISTS"
            return
        self.jobs[job_id] = Job(labels, self.expect(200, "POST", "/jobs", body)["etag"])

    @rule(job_id=st.sampled_from(["", "1a", "a-b", "ä", "x" * 129]))
    def create_with_an_invalid_id(self, job_id: str) -> None:
        self.expect(400, "POST", "/jobs", training_job(job_id))

    @rule(job_id=IDS, labels=LABELS, etag_kind=ETAG_KINDS)
    def patch(self, job_id: str, labels: dict[str, str], etag_kind: str) -> None:
        job = self.jobs.get(job_id)
        etag = self.etag(etag_kind, job.etag if job else "")
        mask = "labels" + ",etag" * bool(etag)
        status = 404 if job is None else 409 if etag_kind == "stale" else 200
        response = self.expect(status, "PATCH", f"/jobs/{job_id}?updateMask={mask}", {"labels": labels} | etag)
        if job and status == 200:
            assert response["etag"] != job.etag
            self.old_etags.add(job.etag)
            job.labels, job.etag = labels, response["etag"]

    @rule(job_id=IDS)
    def cancel(self, job_id: str) -> None:
        job = self.jobs.get(job_id)
        status = 404 if job is None else 400 if job.state.is_final else 200
        self.expect(status, "POST", f"/jobs/{job_id}:cancel", {})
        if job and status == 200:
            job.state = JobState.CANCELLING

    @precondition(lambda self: any(not job.state.is_final for job in self.jobs.values()))
    @rule(data=st.data())
    def apply_an_event(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, job in self.jobs.items() if not job.state.is_final)))
        job = self.jobs[name]
        events = [
            event for state, event in JOB_TRANSITIONS if state is job.state and event is not JobEvent.CANCEL_REQUESTED
        ]
        event = data.draw(st.sampled_from(events))
        self.backend.move(name, event)
        job.state = JOB_TRANSITIONS[job.state, event]

    @rule(job_id=IDS, bindings=POLICIES, etag_kind=ETAG_KINDS)
    def grant(self, job_id: str, bindings: dict[str, list[str]], etag_kind: str) -> None:
        if job_id in self.jobs:
            self.set_policy(f"/jobs/{job_id}", bindings, etag_kind)
        else:
            self.expect(404, "POST", f"/jobs/{job_id}:setIamPolicy", {"policy": {}})

    @rule(size=SIZES)
    def list_all(self, size: int) -> None:
        listed = self.pages("/jobs", "jobs", size)
        assert [job["jobId"] for job in listed] == list(reversed(self.jobs))
        waiting = [name for name, job in self.jobs.items() if job.state is JobState.QUEUED]
        for job in listed:
            name = job["jobId"]
            assert job.get("jobPosition") == (str(waiting.index(name) + 1) if name in waiting else None)

    @rule(state=st.sampled_from(JobState))
    def list_those_in_a_state(self, state: JobState) -> None:
        listed = self.expect(200, "GET", f"/jobs?filter=state:{state}").get("jobs", [])
        assert [job["jobId"] for job in listed] == [
            name for name, job in reversed(self.jobs.items()) if job.state is state
        ]

    @rule(job_id=IDS)
    def look(self, job_id: str) -> None:
        job = self.jobs.get(job_id)
        found = self.expect(200 if job else 404, "GET", f"/jobs/{job_id}")
        if job:
            assert found.get("labels", {}) == job.labels
            assert (found["etag"], found["state"]) == (job.etag, job.state)
            assert ("endTime" in found) == job.state.is_final
            self.check_policy(
                f"/jobs/{job_id}", "ml.jobs.get", {"roles/ml.viewer", "roles/ml.developer", "roles/ml.jobOwner"}
            )


@dataclass
class Model:
    etag: str
    description: str = ""
    default: str | None = None
    versions: dict[str, "Version"] = field(default_factory=dict)


@dataclass
class Version:
    operation: str
    labels: dict[str, str]
    state: str = "CREATING"
    is_cancelled: bool = False


class Models(MlMachine):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, Model] = {}
        self.operations: list[str] = []

    def version(self, model: str, name: str) -> Version | None:
        return self.models[model].versions.get(name) if model in self.models else None

    @rule(name=IDS, description=st.sampled_from(["", "text"]))
    def create_model(self, name: str, description: str) -> None:
        body = {"name": name} | ({"description": description} if description else {})
        if name in self.models:
            assert self.expect(409, "POST", "/models", body)["status"] == "ALREADY_EXISTS"
        else:
            self.models[name] = Model(self.expect(200, "POST", "/models", body)["etag"], description)

    @rule(name=IDS)
    def delete_model(self, name: str) -> None:
        model = self.models.get(name)
        status = 404 if model is None else 400 if model.versions else 200
        response = self.expect(status, "DELETE", f"/models/{name}")
        if model and status == 200:
            self.ended(response)
            self.old_etags.add(model.etag)
            del self.models[name]
            if f"/models/{name}" in self.policies:
                self.old_etags.add(self.policies.pop(f"/models/{name}")[1])

    @rule(name=IDS, text=st.sampled_from(["", "other"]), etag_kind=ETAG_KINDS)
    def patch_model(self, name: str, text: str, etag_kind: str) -> None:
        model = self.models.get(name)
        status = 404 if model is None else 409 if etag_kind == "stale" else 200
        body = {"description": text} | self.etag(etag_kind, model.etag if model else "")
        response = self.expect(status, "PATCH", f"/models/{name}?updateMask=description", body)
        if model and status == 200:
            self.ended(response)
            assert response["response"]["etag"] != model.etag
            self.old_etags.add(model.etag)
            model.description, model.etag = text, response["response"]["etag"]

    @rule(model=IDS, name=IDS, labels=LABELS)
    def create_version(self, model: str, name: str, labels: dict[str, str]) -> None:
        status = 404 if model not in self.models else 409 if self.version(model, name) else 200
        response = self.expect(status, "POST", f"/models/{model}/versions", version(name) | {"labels": labels})
        if status == 200:
            operation = response["name"].rpartition("/")[2]
            assert not response.get("done", False)
            assert operation not in self.operations
            self.operations.append(operation)
            self.models[model].versions[name] = Version(operation, labels)
            self.models[model].default = self.models[model].default or name

    @rule(model=IDS)
    def create_a_version_of_an_empty_folder(self, model: str) -> None:
        body = version("e") | {"deploymentUri": "gs://bucket/empty/"}
        self.expect(400 if model in self.models else 404, "POST", f"/models/{model}/versions", body)

    @precondition(lambda self: any(self.creating()))
    @rule(data=st.data(), event=st.sampled_from([VersionEvent.LOADED, VersionEvent.FAILED]))
    def loading_ends(self, data: st.DataObject, event: VersionEvent) -> None:
        key = data.draw(st.sampled_from(sorted(self.creating())))
        model, found = self.models[key[0]], self.models[key[0]].versions[key[1]]
        self.do(self.backend.settle(*key, event, "it is broken" if event is VersionEvent.FAILED else ""))
        response = self.do_until_done(found.operation)
        found.state = "READY" if event is VersionEvent.LOADED else "FAILED"
        # A default version cannot be deleted while there are others, so its creation cannot be cancelled, either.
        if found.is_cancelled and (model.default != key[1] or len(model.versions) == 1):
            assert response["error"]["code"] == 1
            del model.versions[key[1]]
            model.default = None if model.default == key[1] else model.default
        elif found.state == "FAILED":
            assert response["error"] == {"code": 9, "message": "it is broken"}
        else:
            assert response["response"]["name"].endswith(f"/models/{key[0]}/versions/{key[1]}")

    def creating(self) -> list[tuple[str, str]]:
        return [
            (model, name)
            for model, model_state in self.models.items()
            for name, found in model_state.versions.items()
            if found.state == "CREATING"
        ]

    def do_until_done(self, operation: str) -> Json:
        for _ in range(100):
            response = self.expect(200, "GET", f"/operations/{operation}")
            if response.get("done"):
                return response
            self.do(asyncio.sleep(0))
        raise AssertionError(f"{operation} does not end")

    @precondition(lambda self: any(self.creating()))
    @rule(data=st.data())
    def cancel_operation(self, data: st.DataObject) -> None:
        model, name = data.draw(st.sampled_from(sorted(self.creating())))
        found = self.models[model].versions[name]
        self.expect(200, "POST", f"/operations/{found.operation}:cancel", {})
        found.is_cancelled = True

    @rule(model=IDS, name=IDS)
    def set_default(self, model: str, name: str) -> None:
        found = self.version(model, name)
        status = 404 if found is None else 200 if found.state == "READY" else 400
        self.expect(status, "POST", f"/models/{model}/versions/{name}:setDefault", {})
        if status == 200:
            self.models[model].default = name

    @rule(model=IDS, name=IDS)
    def delete_version(self, model: str, name: str) -> None:
        found = self.version(model, name)
        model_state = self.models.get(model)
        must_stay = (
            model_state
            and found
            and (found.state == "CREATING" or (model_state.default == name and len(model_state.versions) > 1))
        )
        status = 404 if found is None else 400 if must_stay else 200
        response = self.expect(status, "DELETE", f"/models/{model}/versions/{name}")
        if model_state and status == 200:
            self.ended(response)
            del model_state.versions[name]
            model_state.default = None if model_state.default == name else model_state.default

    @rule(model=IDS, name=IDS, instances=st.sampled_from([[1], [1, 2.5]]))
    def predict(self, model: str, name: str, instances: list[float]) -> None:
        found = self.version(model, name)
        status = 404 if found is None else 200 if found.state == "READY" else 400
        response = self.send("POST", f"/models/{model}/versions/{name}:predict", {"instances": instances})
        assert response[0] == status, response
        if status == 200:
            assert response[1] == {"predictions": [{"double": 2.0 * one} for one in instances]}

    @rule(name=IDS, bindings=POLICIES, etag_kind=ETAG_KINDS)
    def grant(self, name: str, bindings: dict[str, list[str]], etag_kind: str) -> None:
        if name in self.models:
            self.set_policy(f"/models/{name}", bindings, etag_kind)
        else:
            self.expect(404, "POST", f"/models/{name}:setIamPolicy", {"policy": {}})

    def ended(self, operation: Json) -> None:
        assert operation["done"]
        self.operations.append(operation["name"].rpartition("/")[2])

    @rule(size=SIZES)
    def list_everything(self, size: int) -> None:
        listed = self.pages("/models", "models", size)
        assert [model["name"].rpartition("/")[2] for model in listed] == sorted(self.models)
        for name, model in self.models.items():
            listed = self.pages(f"/models/{name}/versions", "versions", size)
            assert [found["name"].rpartition("/")[2] for found in listed] == sorted(model.versions)
        listed = self.pages("/operations", "operations", size)
        assert [one["name"].rpartition("/")[2] for one in listed] == self.operations[::-1]

    @rule(name=IDS)
    def look_at_a_model(self, name: str) -> None:
        model = self.models.get(name)
        found = self.expect(200 if model else 404, "GET", f"/models/{name}")
        if model:
            assert (found["etag"], found.get("description", "")) == (model.etag, model.description)
            default = found.get("defaultVersion", {}).get("name")
            assert default == (model.default and f"projects/my-project/models/{name}/versions/{model.default}")
            roles = {"roles/ml.viewer", "roles/ml.developer", "roles/ml.modelUser"}
            self.check_policy(f"/models/{name}", "ml.models.get", roles)

    @invariant()
    def versions_are_as_expected(self) -> None:
        for model, model_state in self.models.items():
            for name, version_ in model_state.versions.items():
                found = self.expect(200, "GET", f"/models/{model}/versions/{name}")
                assert (found["state"], found.get("labels", {})) == (version_.state, version_.labels)
                assert found.get("isDefault", False) == (model_state.default == name)


Jobs.TestCase.settings = Models.TestCase.settings = STEPS
test_jobs = Jobs.TestCase
test_models = Models.TestCase

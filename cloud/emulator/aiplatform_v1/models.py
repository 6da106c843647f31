"""``aiplatform.projects.locations.models.*``: models, their versions and aliases.

A model is only registered: it is served when it is deployed. Rules: descriptions in the discovery document
``aiplatform.v1`` and https://cloud.google.com/vertex-ai/docs/model-registry/versioning.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from cloud.emulator.aiplatform_v1 import messages
from cloud.emulator.aiplatform_v1.artifacts import check_artifacts, check_container
from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.project import check_described, typed
from cloud.emulator.rest.call import Call, check_etag, masked
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import Item, list_page, of_items
from cloud.emulator.rest.records import Record
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Json

_MODEL_FIELDS = ("displayName", "description", "labels", "encryptionSpec")
_VERSION_FIELDS = (
    "artifactUri",
    "containerSpec",
    "predictSchemata",
    "explanationSpec",
    "metadata",
    "metadataSchemaUri",
    "versionDescription",
    "trainingPipeline",
)
_ID = re.compile(r"[a-z0-9_-]{1,63}")
_ALIAS = re.compile(r"[a-z]([a-zA-Z0-9-]{0,126}[a-z0-9])?")
_DEFAULT = "default"


class ModelMethods(Collection):
    NAME = "models"

    async def upload(self, call: Call) -> Json:
        location, body = call.ids[1], call.body
        parent = body.get("parentModel")
        if parent is not None:
            parent = self._project.own_name(parent.partition("@")[0], "models", "parent_model")
        version = await self.add(location, body.get("model", {}), model_id=body.get("modelId"), parent=parent)
        model = version.name.partition("@")[0]
        answer = {"model": self._project.full_name(model), "modelVersionId": version.name.rpartition("@")[2]}
        return self._project.completed(model, "UploadModel", typed("UploadModelResponse", answer))

    async def add(
        self, location: str, given: Mapping[str, Json], *, model_id: str | None = None, parent: str | None = None
    ) -> Record:
        """Register a version: of the model ``parent``, or the first one of a new model.

        Raises:
            InvalidArgument: the ``Model`` is wrong, or needs something that is not emulated.
            NotFound: there is no ``parent``.
            AlreadyExists: the id is taken.
            FailedPrecondition: there is no SavedModel at its ``artifactUri``.
        """
        check_described(given, "model")
        check_container(given)
        _check_aliases(given.get("versionAliases", ()))
        if model_id is not None and not _ID.fullmatch(model_id):
            raise InvalidArgument(
                f"An id has 1 to 63 of the characters [a-z0-9_-]: {model_id[:100]!r}.", field="model_id"
            )
        if parent is not None:
            self._records.get(parent)
        await check_artifacts(self._backend, given)
        with self._records.together():
            if parent is not None:
                model = self._records.get(parent)
            else:
                name = f"locations/{location}/models/{model_id or self._project.new_id()}"
                fields = {key: given[key] for key in _MODEL_FIELDS if key in given}
                model = self._records.add(name, fields | {"lastVersion": 0})
            return self._add_version(model, given)

    def _add_version(self, model: Record, given: Mapping[str, Json]) -> Record:
        number = model.fields["lastVersion"] + 1
        self._records.change(model, {**model.fields, "lastVersion": number})
        fields = {key: given[key] for key in _VERSION_FIELDS if key in given}
        version = self._records.add(f"{model.name}@{number}", fields | {"versionAliases": []})
        wanted = list(given.get("versionAliases", ()))
        if number == 1 and _DEFAULT not in wanted:
            wanted.insert(0, _DEFAULT)
        return self._alias(version, wanted, ())

    async def get(self, call: Call) -> Json:
        return self.json(self.find(call.below_project))

    async def to_json(self, record: Record) -> Item:
        return self.json(self.find(record.name))

    async def list_versions(self, call: Call) -> Json:
        model = self._records.get(call.below_project.partition("@")[0])

        def to_json(version: Record) -> Item:
            return self.json(version) | {"name": self._project.full_name(version.name)}

        # From the first version on, where other lists begin with what is newest: the Python SDK's system test
        # test_model_version_management.
        versions = sorted(self._records.below(f"{model.name}@"), key=lambda version: version.sequence)
        return await list_page(call, self.NAME, of_items(versions, _key, to_json), kind="model")

    async def patch(self, call: Call) -> Json:
        mask = call.mask("displayName", "description", "labels", "versionDescription", "versionAliases")
        version = self.find(call.below_project)
        model = self._records.get(version.name.partition("@")[0])
        check_etag(call.body.get("etag"), model.etag)
        if "displayName" in mask:
            check_described(call.body, "model")
        check_labels(call.body.get("labels", {}), "model.labels")
        if "versionAliases" in mask:
            given = call.body.get("versionAliases", [])
            _check_aliases(given)
            self._alias(version, given, [alias for alias in version.fields["versionAliases"] if alias not in given])
            version = self._records.get(version.name)
        self._records.change(model, masked(model.fields, mask & set(_MODEL_FIELDS), call.body))
        if "versionDescription" in mask:
            version = self._records.change(version, masked(version.fields, ["versionDescription"], call.body))
        return self.json(version)

    async def merge_aliases(self, call: Call) -> Json:
        version = self.find(call.below_project)
        given = call.body.get("versionAliases", ())
        if not given:
            raise InvalidArgument("At least one alias is required.", field="version_aliases")
        _check_aliases([alias.removeprefix("-") for alias in given])
        added = [alias for alias in given if not alias.startswith("-")]
        removed = [alias[1:] for alias in given if alias.startswith("-") and alias[1:] not in added]
        return self.json(self._alias(version, added, removed))

    async def check_deletable(self, record: Record) -> None:
        for version in self._records.below(f"{record.name}@"):
            self._check_undeployed(version, "Model")

    async def delete_version(self, call: Call) -> Json:
        name = call.below_project
        if "@" not in name:
            raise InvalidArgument("Name the version: models/ID@VERSION.", field="name")
        version = self.find(name)
        model = version.name.partition("@")[0]
        if len(self._records.below(f"{model}@")) == 1:
            raise FailedPrecondition("The only version of a Model cannot be deleted: delete the Model.", field="name")
        if _DEFAULT in version.fields["versionAliases"]:
            raise FailedPrecondition(
                "The default version cannot be deleted: make another one the default first.", field="name"
            )
        self._check_undeployed(version, "Model version")
        self._records.remove(version.name)
        return self._project.completed(model, "Delete")

    # ---------------------------------------------------------------- versions

    def find(self, name: str) -> Record:
        """The version called ``name`` (below the project): by number or alias after ``@``, else the default one.

        Raises:
            NotFound: there is no such model or version.
        """
        bare, _, wanted = name.partition("@")
        self._records.get(bare)
        wanted = wanted or _DEFAULT
        for version in self._records.below(f"{bare}@"):
            if wanted in (version.name.rpartition("@")[2], *version.fields["versionAliases"]):
                return version
        raise NotFound(f"The Model has no version {wanted[:128]!r}: {bare[:300]!r}.", field="name")

    def trained_by(self, location: str, pipeline: str) -> Record | None:
        """The version that a training pipeline uploaded, by the pipeline's full name."""
        for model in self._records.below(f"locations/{location}/models"):
            for version in self._records.below(f"{model.name}@"):
                if version.fields.get("trainingPipeline") == pipeline:
                    return version
        return None

    def described(self, version: Record) -> dict[str, Json]:
        """What was given when it was uploaded."""
        model = self._records.get(version.name.partition("@")[0])
        fields = {key: model.fields[key] for key in _MODEL_FIELDS if key in model.fields}
        return fields | {key: version.fields[key] for key in _VERSION_FIELDS if key in version.fields}

    def display_name(self, version: Record) -> str:
        return str(self._records.get(version.name.partition("@")[0]).fields["displayName"])

    def json(self, version: Record) -> dict[str, Json]:
        """``Model``, as of one version."""
        model = self._records.get(version.name.partition("@")[0])
        return messages.model_json(self._project, model, version, self._deployed(version, under_way=False))

    def _deployed(self, version: Record, *, under_way: bool) -> Sequence[Json]:
        """Each ``DeployedModelRef``, with unfinished deployments if ``under_way``."""
        return [
            {"endpoint": self._project.full_name(endpoint.name), "deployedModelId": deployed["id"]}
            for endpoint in self._records.below(f"locations/{version.location}/endpoints")
            for deployed in (
                *endpoint.fields["deployedModels"],
                *(endpoint.fields["deploying"].values() if under_way else ()),
            )
            if deployed["version"] == version.name
        ]

    def _check_undeployed(self, version: Record, what: str) -> None:
        deployed = self._deployed(version, under_way=True)
        if deployed:
            at = deployed[0]
            raise FailedPrecondition(
                f"The {what} is deployed at {at['endpoint']} as {at['deployedModelId']}: undeploy it first.",
                field="name",
            )

    def _alias(self, version: Record, added: Sequence[str], removed: Sequence[str]) -> Record:
        """Moves the aliases ``added`` to ``version`` from the model's other versions, and removes ``removed``.

        New ones follow those that it has, in the order given.
        """
        if _DEFAULT in removed:
            raise InvalidArgument(
                "The default version's alias cannot be removed: give it to another version.", field="version_aliases"
            )
        for other in self._records.below(version.name.partition("@")[0] + "@"):
            held = other.fields["versionAliases"]
            kept = [alias for alias in held if alias not in added]
            if other.name == version.name:
                kept = list(dict.fromkeys((*(alias for alias in held if alias not in removed), *added)))
            if kept != held:
                self._records.change(other, {**other.fields, "versionAliases": kept})
        return self._records.get(version.name)


def _key(version: Record) -> str:
    return f"{version.sequence:020}"


def _check_aliases(aliases: Iterable[str]) -> None:
    for alias in aliases:
        if not _ALIAS.fullmatch(alias):
            raise InvalidArgument(
                "An alias has at most 128 characters, begins with a lower-case letter, and goes on with letters, "
                f"digits and hyphens: {alias[:140]!r}.",
                field="version_aliases",
            )

"""Batch prediction on Vertex AI: a ``BatchPredictionJob`` each. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cloud.backends.google import vertex_wire
from cloud.backends.google.service import without_mark
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Json
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.wire.ml_v1 import moment
from cloud.wire.vertex_prediction import INPUT_FORMATS, OUTPUT_FORMATS, batch_prediction_body, prediction_counts

_FIELD = "job.prediction_input"


def batch_job(
    spec: BatchPredictionSpec, *, model: str, machine: str, service_account: str | None, labels: Mapping[str, str]
) -> dict[str, Json]:
    """The ``BatchPredictionJob`` of a job.

    Args:
        model: the full name of its model in the registry, with the version.

    Raises:
        InvalidArgument: Vertex AI has no such jobs.
    """
    if spec.signature_name is not None:
        raise InvalidArgument(
            "Vertex AI's batch prediction has no signature: it takes serving_default", field=f"{_FIELD}.signature_name"
        )
    body = batch_prediction_body(replace(spec, labels={}), model)
    resources = {"machineSpec": {"machineType": machine}, "startingReplicaCount": 1, "maxReplicaCount": 1}
    body |= {"displayName": spec.job_id, "dedicatedResources": resources, "labels": dict(labels)}
    return body | ({"serviceAccount": service_account} if service_account else {})


def job(item: Json, model: str, version: str) -> Job:
    """The job of a ``BatchPredictionJob``.

    Args:
        model, version: those of the workflow.
    """
    source, target = item["inputConfig"], item["outputConfig"]
    account = item.get("serviceAccount", "")
    spec = BatchPredictionSpec(
        job_id=item["displayName"],
        region=item["name"].split("/")[3],
        labels=without_mark(item.get("labels", {})),
        service_account=account,
        input_uris=tuple(GsUri.parse(uri) for uri in source["gcsSource"]["uris"]),
        output_uri=GsUri.parse(target["gcsDestination"]["outputUriPrefix"]),
        input_format=INPUT_FORMATS[source["instancesFormat"]],
        output_format=OUTPUT_FORMATS[target["predictionsFormat"]],
        batch_size=item.get("manualBatchTuningParameters", {}).get("batchSize", 64),
        model=model,
        version=version,
    )
    state = vertex_wire.state_of(item)
    return Job(
        spec=spec,
        state=state,
        create_time=datetime.fromisoformat(item["createTime"]),
        start_time=moment(item.get("startTime")),
        end_time=vertex_wire.end_time(item),
        error_message=vertex_wire.reason(item, ()),
        predictions=None if state is JobState.QUEUED else prediction_counts(item),
    )

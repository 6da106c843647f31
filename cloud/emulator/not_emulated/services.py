"""Which of Google's APIs a request is for, by host and path, and what to do where it is not emulated. Pure.

Forms of hosts: global (``bigquery.googleapis.com``), with mutual TLS (``bigquery.mtls.googleapis.com``), regional
(``us-central1-dialogflow.googleapis.com``, ``bigquery.us-east4.rep.googleapis.com``), and the one that the oldest APIs
share (``www.googleapis.com/bigquery/v2``).
"""

import re

_REGION = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}|us|eu|europe|asia|global)"
_SERVICE = re.compile(rf"(?:{_REGION}-)?(?P<name>[a-z0-9-]+?)(?:\.mtls|\.{_REGION}\.rep|\.{_REGION})?\.googleapis\.com")
_SHARED = re.compile(r"/(?:batch/|(?:resumable/)?upload/|download/)?([a-z][a-z0-9]*)/")

_ELSEWHERE = {"pkg.dev": "artifactregistry", "gcr.io": "artifactregistry", ".vertexai.goog": "aiplatform"}
"""Names of other domains, and the API whose hosts they are."""
_NOBODY_SIGNS_IN = "nobody signs in here: programs have credentials in the environment of `python -m cloud.serve env`"
_TEST_DOUBLE = "give the code a test double of its client"
_INSTEAD = {
    "accounts": _NOBODY_SIGNS_IN,
    "aiplatform": "endpoints have no hosts of their own here: ask REGION-aiplatform.googleapis.com",
    "artifactregistry": "build images with `docker build` or `gcloud builds submit`; packages come from the bucket",
    "automl": "train by a custom job, whose code is yours",
    "bigquery": "export the tables to the bucket (CSV, Avro, TFRecord) and read gs:// there",
    "bigquerystorage": "export the tables to the bucket (CSV, Avro, TFRecord) and read gs:// there",
    "bigtable": "use Google's own emulator of it: set BIGTABLE_EMULATOR_HOST",
    "clouderrorreporting": "errors are in the job's log, which is served",
    "cloudprofiler": "leave the profiler out here; TensorBoard's runs on this machine",
    "cloudtrace": "leave tracing out here",
    "compute": "jobs run on this machine, with no virtual machines of one's own",
    "dataflow": "run Apache Beam with its DirectRunner, which reads and writes gs:// here",
    "dataproc": "run Spark in local mode, or the preprocessing as a custom job",
    "datastore": "use Google's own emulator of it: set DATASTORE_EMULATOR_HOST",
    "firestore": "use Google's own emulator of it: set FIRESTORE_EMULATOR_HOST",
    "generativelanguage": "give the code a test double of its client, as no model of Google's runs here",
    "monitoring": "leave metrics out here, or write them to a log, which is served",
    "notebooks": "open the notebook on this machine, in the environment of `python -m cloud.serve env`",
    "oauth2": _NOBODY_SIGNS_IN,
    "openidconnect": _NOBODY_SIGNS_IN,
    "pubsub": "use Google's own emulator of it: set PUBSUB_EMULATOR_HOST",
    "secretmanager": "give the job its secrets as variables or as an object of the bucket",
    "spanner": "use Google's own emulator of it: set SPANNER_EMULATOR_HOST",
    "tpu": "train on processors: accelerators are refused here, as without quota",
}


def service_of(host: str, path: str) -> str:
    """The API's name as Google's errors have it, ``bigquery.googleapis.com``.

    Args:
        host: of the request, in lower case and without port.
        path: of the request.
    """
    if host == "www.googleapis.com":
        shared = _SHARED.match(path)
        return f"{shared[1]}.googleapis.com" if shared else host
    for suffix, name in _ELSEWHERE.items():
        if host.endswith(suffix):
            return f"{name}.googleapis.com"
    found = _SERVICE.fullmatch(host)
    return f"{found['name']}.googleapis.com" if found else host


def instead_of(service: str) -> str:
    """What to do instead: half a sentence."""
    return _INSTEAD.get(service.partition(".")[0], _TEST_DOUBLE)

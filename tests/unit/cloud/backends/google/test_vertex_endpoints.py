from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.google.vertex_endpoints import deployed, description_of, registered
from cloud.names import GsUri
from cloud.resources import Framework, ServingStack, VersionSpec

WORDS = st.text(max_size=20)
SPECS = st.builds(
    VersionSpec,
    model=st.just("m"),
    name=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    deployment_uri=st.just(GsUri("bucket", "folder")),
    description=WORDS,
    runtime_version=st.sampled_from([None, "2.15"]),
    python_version=st.none(),
    framework=st.sampled_from(Framework),
    serving_stack=st.sampled_from(ServingStack),
)


@given(SPECS, st.dictionaries(WORDS, st.lists(WORDS)), st.dictionaries(WORDS, WORDS), WORDS)
def test_descriptions_are_parsed(spec, outputs, labels, failure):
    item = {
        "name": "projects/1/locations/l/models/2@default",
        "versionId": "3",
        "createTime": "2026-01-01T00:00:00Z",
        "artifactUri": "gs://bucket/folder",
        "versionDescription": description_of(spec, outputs, labels, failure),
    }
    found = registered("m", item)
    assert found.name == "projects/1/locations/l/models/2@3"
    assert (found.spec, found.outputs, found.labels, found.failure) == (spec, outputs, labels, failure)


def test_descriptions_of_others_are_ignored():
    for description in ("", "my model", "[]", "3", '{"name": "v1"}'):
        assert registered("m", {"versionDescription": description}) is None


def test_an_empty_endpoint_has_no_deployed_models():
    assert deployed({}, "v1") is None

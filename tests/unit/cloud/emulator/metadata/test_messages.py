import json

import pytest

from cloud.emulator.metadata import messages

TREE = messages.document(project="my-project", number=123456789012, region="us-central1", email="a@b.example")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/project/project-id", "my-project"),
        ("/project/numeric-project-id", "123456789012"),
        ("/instance/zone", "projects/123456789012/zones/us-central1-a"),
        ("/instance/service-accounts/default/email", "a@b.example"),
        ("/instance/service-accounts/a@b.example/aliases", "default\n"),
        ("/instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform\n"),
        ("/instance/service-accounts/", "default/\na@b.example/\n"),
        ("/instance/attributes/", ""),
        ("/", "instance/\nproject/\nuniverse/\n"),
    ],
)
def test_entries_are_text(path, text):
    assert messages.render(messages.find(TREE, path), recursive=False, as_json=False) == ("application/text", text)


@pytest.mark.parametrize("path", ["/nothing", "/project/project-id/deeper", "/instance/service-accounts/x@y.z/email"])
def test_unknown_entries(path):
    with pytest.raises(KeyError):
        messages.find(TREE, path)


def test_recursive_directories_are_json_in_camel_case():
    kind, body = messages.render(messages.find(TREE, "/"), recursive=True, as_json=False)
    assert kind == "application/json"
    read = json.loads(body)
    assert read["project"] == {"attributes": {}, "numericProjectId": 123456789012, "projectId": "my-project"}
    assert set(read["instance"]["serviceAccounts"]) == {"default", "a@b.example"}


def test_a_leaf_is_json_on_request():
    assert messages.render("x", recursive=False, as_json=True) == ("application/json", '"x"')
    assert messages.render("x", recursive=True, as_json=False) == ("application/text", "x")

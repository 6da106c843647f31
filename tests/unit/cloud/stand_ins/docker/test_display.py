"""What docker's tables and templates show."""

from typing import Any

import pytest

from cloud.stand_ins.docker.display import age_text, formatted, size_text, split_name, table, whole_name
from cloud.stand_ins.failures import Failure

IMAGE = {"Id": "sha256:1", "RepoTags": ["a:1", "b:2"], "Config": {"Env": None, "Labels": {"b": 1, "a": True}}}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (10240, "10.24kB"), (123456789, "123.5MB"), (2e9, "2GB"), (3e12, "3TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "Less than a second ago"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (61, "About a minute ago"),
        (3599, "59 minutes ago"),
        (3600, "About an hour ago"),
        (47 * 3600, "47 hours ago"),
        (48 * 3600, "2 days ago"),
        (14 * 86400, "2 weeks ago"),
        (70 * 86400, "2 months ago"),
        (800 * 86400, "2 years ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("name", "parts", "whole"),
    [
        ("x", ("x", ""), "docker.io/library/x"),
        ("x:1", ("x", "1"), "docker.io/library/x:1"),
        ("me/x", ("me/x", ""), "docker.io/me/x"),
        ("localhost:5000/x", ("localhost:5000/x", ""), "localhost:5000/x"),
        ("gcr.io/p/x:v1", ("gcr.io/p/x", "v1"), "gcr.io/p/x:v1"),
        ("gcr.io/p/x@sha256:1", ("gcr.io/p/x", "sha256:1"), "gcr.io/p/x@sha256:1"),
    ],
)
def test_names(name: str, parts: tuple[str, str], whole: str) -> None:
    assert split_name(name) == parts
    assert whole_name(name) == whole


def test_columns() -> None:
    assert (
        table(["TAG", "LONGER NAME", "SIZE"], [["1", "x", "3B"]])
        == "TAG       LONGER NAME   SIZE\n1         x             3B\n"
    )


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Id}}", "sha256:1"),
        ("{{ .Id }}\\t{{.RepoTags}}", "sha256:1\t[a:1 b:2]"),
        ("{{json .RepoTags}}", '["a:1","b:2"]'),
        ("{{index .RepoTags 1}}", "b:2"),
        ("{{.Config.Labels}} {{.Config.Env}}", "map[a:true b:1] <nil>"),
        ('{{index .Config.Labels "b"}}', "1"),
        ("json", '{"Id":"sha256:1","RepoTags":["a:1","b:2"],"Config":{"Env":null,"Labels":{"b":1,"a":true}}}'),
        ("{{json .}}", '{"Id":"sha256:1","RepoTags":["a:1","b:2"],"Config":{"Env":null,"Labels":{"b":1,"a":true}}}'),
        ("plain", "plain"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert formatted(template, IMAGE) == text


@pytest.mark.parametrize("template", ["{{.Nothing}}", "{{range .RepoTags}}", "{{index .RepoTags 7}}", "{{.Id.More}}"])
def test_a_template_that_is_not_known_is_refused(template: str) -> None:
    value: Any = IMAGE
    with pytest.raises(Failure, match="template parsing error"):
        formatted(template, value)

"""What service agents may do is kept with the state folder."""

from pathlib import Path

import pytest

from cloud.errors import FailedPrecondition
from cloud.server.service_agents import choose_service_agents
from cloud.settings import ServiceAgents

GOOGLE, BARE = ServiceAgents


def test_a_folder_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    for made_with, other in ((GOOGLE, BARE), (BARE, GOOGLE)):
        state = tmp_path / made_with
        state.mkdir()
        assert choose_service_agents(state, None, made_with) is made_with
        assert choose_service_agents(state, None, other) is made_with


def test_who_says_it_changes_it(tmp_path: Path) -> None:
    assert choose_service_agents(tmp_path, None, GOOGLE) is GOOGLE
    assert choose_service_agents(tmp_path, BARE, GOOGLE) is BARE
    assert choose_service_agents(tmp_path, None, GOOGLE) is BARE


def test_a_folder_from_before_there_was_a_choice_is_bare(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    assert choose_service_agents(tmp_path, None, GOOGLE) is BARE
    assert choose_service_agents(tmp_path, None, GOOGLE) is BARE


def test_a_damaged_record_is_named_and_can_be_written_again(tmp_path: Path) -> None:
    (tmp_path / "service_agents").write_text("all")
    with pytest.raises(FailedPrecondition, match="--service-agents"):
        choose_service_agents(tmp_path, None, GOOGLE)
    assert choose_service_agents(tmp_path, GOOGLE, BARE) is GOOGLE

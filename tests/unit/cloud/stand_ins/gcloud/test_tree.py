"""The table of commands against the modules that have them."""

import importlib

import pytest

from cloud.stand_ins.gcloud import tree
from cloud.stand_ins.gcloud.commands import COMMANDS, comma_dict, comma_list
from cloud.stand_ins.gsutil import command_line as gsutil
from cloud.stand_ins.gsutil.commands import COMMANDS as OF_GSUTIL


def test_each_module_has_the_commands_that_the_table_says() -> None:
    for module in tree.MODULES:
        importlib.import_module(f"cloud.stand_ins.gcloud.{module}")
    assert sorted(COMMANDS) == tree.all_paths()
    for module in gsutil.MODULES:
        importlib.import_module(f"cloud.stand_ins.gsutil.{module}")
    assert sorted(OF_GSUTIL) == sorted(name for names in gsutil.MODULES.values() for name in names)


@pytest.mark.parametrize(("text", "found"), [("a,b", ["a", "b"]), ("^:^a,1:b", ["a,1", "b"]), ("a", ["a"])])
def test_lists_in_flags(text: str, found: list[str]) -> None:
    assert comma_list(text) == found


def test_mappings_in_flags() -> None:
    assert comma_dict("a=1,b=x=y") == {"a": "1", "b": "x=y"}

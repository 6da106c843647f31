import pytest

from cloud.engine.runtimes.recipes import OWN_PYTHON, choose, recipe
from cloud.errors import InvalidArgument

IMAGE = "us-docker.pkg.dev/vertex-ai/training"


@pytest.mark.parametrize(
    ("text", "python", "name"),
    [
        ("tf1", None, "tf1"),
        ("tf2.15", None, "tf2.15"),
        ("tf2.13", None, "tf2.13"),
        ("sklearn1.3", None, "sklearn1.3"),
        ("xgboost2.1", None, "xgboost2.1"),
        ("1.15", None, "tf1"),
        ("1.15", "3.7", "tf1.15"),
        ("2.8", None, "tf2.15"),
        ("2.8.4", None, "tf2.15"),
        ("2.8", "3.10", "tf2.8"),
        ("2.8", "3.11", "tf2.15"),
        ("2.17", None, "tf2.17"),
        ("2.21", None, "installed"),
        (f"{IMAGE}/tf-cpu.2-17.py310:latest", None, "tf2.17"),
        (f"{IMAGE}/tf-gpu.1-15", None, "tf1"),
        (f"{IMAGE}/sklearn-cpu.1-6.py310", None, "sklearn1.6"),
        ("gcr.io/cloud-aiplatform/training/xgboost-cpu.1-1", "3.10", "xgboost1.6"),
    ],
)
def test_what_a_person_means(text, python, name):
    assert choose(text, installed="2.21.0", python=python) == name


@pytest.mark.parametrize(
    "text", ["", "tf", "tf2", "tf9.9", "tf2.12", "9.9", "pytorch2.4", "image:latest", "tf2.15\n", "../x"]
)
def test_an_unknown_name_is_refused_with_those_that_there_are(text):
    with pytest.raises(InvalidArgument, match=r"there is no runtime .*name tf1, tf2\.15, tf2\.N, sklearn1\.N"):
        choose(text, installed="2.21.0", python=None)


def test_there_are_no_runtimes_of_pytorch():
    with pytest.raises(InvalidArgument, match="there are runtimes of TensorFlow, scikit-learn, XGBoost, and no others"):
        choose(f"{IMAGE}/pytorch-gpu.2-4.py310", installed="2.21.0", python=None)


def test_a_recipe_knows_the_pythons_of_its_wheels():
    made = recipe("tf2.15")
    assert [made.fits(python) for python in ("3.8", "3.9", "3.11", "3.12")] == [False, True, True, False]
    assert made.range == "Python 3.9 to 3.11"
    assert "tensorflow==2.15.*" in made.requirements
    assert "pandas" in made.requirements
    assert recipe("tf1").base == "tf2.15"


@pytest.mark.parametrize("name", ["tf2.8", "tf2.15"])
def test_what_is_beside_tensorflow_is_of_the_time_of_its_images(name):
    assert {"pandas<2", "scikit-learn<1.2", "xgboost<1.8"} <= set(recipe(name).requirements)
    assert not any(line.startswith("pandas<") for line in recipe("tf2.16").requirements)


@pytest.mark.parametrize("name", ["tf1.15", "tf2.8"])
def test_older_versions_are_bound_where_their_metadata_is_not(name):
    assert {"protobuf<3.21", "numpy<1.24"} <= set(recipe(name).requirements)
    assert "protobuf<3.21" not in recipe("tf2.15").requirements


def test_the_runtime_of_older_versions_has_the_numpy_that_their_trainers_know():
    assert "numpy<1.24" in recipe("tf2.15").requirements
    assert "numpy<1.24" not in recipe("tf2.16").requirements


def test_each_version_of_scikit_learn_and_xgboost_that_is_chosen_here_can_be_made_here():
    for text in ("prediction/sklearn-cpu.0-20", "prediction/xgboost-cpu.0-82", "prediction/sklearn-cpu.1-6"):
        name = choose(f"us-docker.pkg.dev/vertex-ai/{text}", installed="", python=None)
        assert recipe(name).fits(OWN_PYTHON)

import pytest

from cloud.engine.images.bases import runtime_request
from cloud.engine.runtimes.runtime import RuntimeRequest

LEARNING = "of Deep Learning Containers"


@pytest.mark.parametrize(
    ("base", "framework", "version", "python", "text"),
    [
        (
            "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest",
            "tensorflow",
            "2.17",
            "3.10",
            "image training/tf-cpu.2-17.py310",
        ),
        ("gcr.io/deeplearning-platform-release/tf2-cpu", "tensorflow", None, None, f"image tf2-cpu {LEARNING}"),
        (
            "gcr.io/deeplearning-platform-release/tf2-gpu.2-5:m73",
            "tensorflow",
            "2.5",
            None,
            f"image tf2-gpu.2-5 {LEARNING}",
        ),
        ("gcr.io/deeplearning-platform-release/tf-cpu", "tensorflow", "1.15", None, f"image tf-cpu {LEARNING}"),
        (
            "eu.gcr.io/deeplearning-platform-release/tf-gpu.1-15",
            "tensorflow",
            "1.15",
            None,
            f"image tf-gpu.1-15 {LEARNING}",
        ),
        (
            "us-docker.pkg.dev/deeplearning-platform-release/gcr.io/pytorch-cu121.2-2.py310:m123",
            "pytorch",
            "2.2",
            "3.10",
            f"image pytorch-cu121.2-2.py310 {LEARNING}",
        ),
        (
            "gcr.io/deeplearning-platform-release/sklearn-cpu.0-23",
            "scikit-learn",
            "0.23",
            None,
            f"image sklearn-cpu.0-23 {LEARNING}",
        ),
        ("gcr.io/deeplearning-platform-release/xgboost-cpu", "xgboost", None, None, f"image xgboost-cpu {LEARNING}"),
        (
            "gcr.io/deeplearning-platform-release/base-cu113.py310",
            "python",
            None,
            "3.10",
            f"image base-cu113.py310 {LEARNING}",
        ),
        ("tensorflow/tensorflow", "tensorflow", None, None, "image tensorflow/tensorflow:latest"),
        ("tensorflow/tensorflow:nightly", "tensorflow", None, None, "image tensorflow/tensorflow:nightly"),
        (
            "tensorflow/tensorflow:2.0.0rc0-gpu-py3",
            "tensorflow",
            "2.0",
            None,
            "image tensorflow/tensorflow:2.0.0rc0-gpu-py3",
        ),
        (
            "pytorch/pytorch:1.8.1-cuda11.1-cudnn8-runtime",
            "pytorch",
            "1.8",
            None,
            "image pytorch/pytorch:1.8.1-cuda11.1-cudnn8-runtime",
        ),
        ("python:3.10-slim", "python", None, "3.10", "image python:3.10-slim"),
        ("python", "python", None, None, "image python:latest"),
        ("docker.io/library/python:3.9", "python", None, "3.9", "image python:3.9"),
        ("mirror.gcr.io/library/python:3.9", "python", None, "3.9", "image python:3.9"),
        ("gcr.io/google-appengine/python", "python", None, None, "image gcr.io/google-appengine/python:latest"),
        ("nvidia/cuda:9.0-cudnn7-runtime", "python", None, None, "image nvidia/cuda:9.0-cudnn7-runtime"),
        ("ubuntu:22.04", "python", None, None, "image ubuntu:22.04"),
        (
            "ghcr.io/astral-sh/uv:python3.11-bookworm-slim",
            "python",
            None,
            "3.11",
            "image ghcr.io/astral-sh/uv:python3.11-bookworm-slim",
        ),
        ("nvcr.io/nvidia/pytorch:22.05-py3", "pytorch", None, None, "image nvcr.io/nvidia/pytorch:22.05-py3"),
    ],
)
def test_a_known_base(base, framework, version, python, text):
    assert runtime_request(base) == RuntimeRequest(framework, version, python, text)


@pytest.mark.parametrize(
    "base",
    ["scratch", "node:18", "chainer/chainer:v5.4.0-python2", "gcr.io/deeplearning-platform-release/r-cpu", "No Name"],
)
def test_an_unknown_one(base):
    assert runtime_request(base) is None

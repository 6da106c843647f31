import pytest

from cloud.wire.machine_gpus import accelerator_of, why_not

K80, P100, T4, V100 = (f"NVIDIA_TESLA_{kind}" for kind in ("K80", "P100", "T4", "V100"))


@pytest.mark.parametrize(
    ("machine", "kind", "counts"),
    [
        # The table of https://cloud.google.com/ai-platform/training/docs/using-gpus.
        ("n1-standard-4", K80, {1, 2, 4, 8}),
        ("n1-standard-16", K80, {2, 4, 8}),
        ("n1-highcpu-64", K80, {8}),
        ("n1-standard-96", K80, set()),
        ("n1-standard-16", P100, {1, 2, 4}),
        ("n1-highmem-32", P100, {2, 4}),
        ("n1-standard-4", T4, {1, 2, 4}),
        ("n1-standard-96", T4, {4}),
        ("n1-standard-8", V100, {1, 2, 4, 8}),
        ("n1-standard-16", V100, {2, 4, 8}),
        ("n1-highmem-64", V100, {8}),
        ("e2-standard-4", T4, set()),
        ("c2-standard-4", V100, set()),
        ("n1-standard-4", "NVIDIA_L4", set()),
        ("a2-highgpu-2g", "NVIDIA_TESLA_A100", {2}),
        ("a2-ultragpu-1g", "NVIDIA_A100_80GB", {1}),
        ("a2-highgpu-1g", T4, set()),
        ("g2-standard-12", "NVIDIA_L4", {1}),
        ("g2-standard-24", "NVIDIA_L4", {2}),
        ("a3-highgpu-8g", "NVIDIA_H100_80GB", {8}),
    ],
)
def test_gpus_that_a_machine_may_have(machine, kind, counts):
    assert {count for count in range(1, 17) if not why_not(machine, kind, count)} == counts


def test_replicas_of_a_model_may_share_a_machine_that_comes_with_gpus():
    assert not why_not("a3-highgpu-8g", "NVIDIA_H100_80GB", 1, may_share=True)
    assert why_not("a3-highgpu-8g", "NVIDIA_H100_80GB", 9, may_share=True)


def test_what_a_machine_has():
    assert accelerator_of({"machineType": "n1-standard-4"}) is None
    assert accelerator_of({"machineType": "n1-standard-4", "acceleratorType": T4}) is None
    assert accelerator_of({"machineType": "n1-standard-4", "acceleratorType": T4, "acceleratorCount": 1}) == T4
    assert accelerator_of({"machineType": "a2-megagpu-16g"}) == "NVIDIA_TESLA_A100"
    assert accelerator_of({}) is None

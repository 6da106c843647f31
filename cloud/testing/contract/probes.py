"""Small trainers for contract tests, each of which does one thing that a real trainer does."""

import io
import textwrap
import zipfile
from pathlib import Path

EXPORT = """
import argparse
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--factors", type=float, nargs="+", default=[2.0])
given = parser.parse_args()


class Scale(tf.Module):
    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"scaled": x * self.factor + y}


for number, factor in enumerate(given.factors, 1):
    model = Scale(factor)
    tf.saved_model.save(model, f"{given.job_dir}/export/{number}", signatures={"serving_default": model.serve})
print("exported")
"""
"""Exports models with inputs x, y and output scaled = factor * x + y to JOB_DIR/export/1 and so on."""

READ_AND_WRITE = """
import argparse
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--read")
parser.add_argument("--write")
given = parser.parse_args()
if given.read:
    print("read", tf.io.gfile.GFile(given.read).read())
if given.write:
    with tf.io.gfile.GFile(given.write, "w") as file:
        file.write("written by the job")
    print("wrote")
"""


def trainer(folder: Path, source: str, *, package: str = "probe", module: str = "task") -> Path:
    """Write the package ``package`` with one module into ``folder``; returns the package's folder."""
    path = folder / package
    path.mkdir(parents=True)
    (path / "__init__.py").touch()
    (path / f"{module}.py").write_text(textwrap.dedent(source))
    return path


def wheel(module: str, source: str) -> bytes:
    """The wheel ``TOP-1-py3-none-any.whl`` with one module, which may be in a package. A job need not build it."""
    top, *below = module.split(".")
    files = {"/".join([top, *below[:depth], "__init__.py"]): "" for depth in range(len(below))}
    files[f"{module.replace('.', '/')}.py"] = textwrap.dedent(source)
    files[f"{top}-1.dist-info/WHEEL"] = "Wheel-Version: 1.0\nTag: py3-none-any\n"
    files[f"{top}-1.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {top}\nVersion: 1\n"
    record = f"{top}-1.dist-info/RECORD"
    files[record] = "".join(f"{name},,\n" for name in [*files, record])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()

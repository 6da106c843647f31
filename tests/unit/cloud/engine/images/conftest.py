import pytest

from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore


class Build:
    """Builds Dockerfiles of one context."""

    def __init__(self, folder):
        self.store = ImageStore(folder / "store")
        self.images = folder / "store" / "images"
        self.context = folder / "context"
        self.context.mkdir()
        self.log = []

    def write(self, path, text="x"):
        file = self.context / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def __call__(self, text, **options):
        self.write("Dockerfile", text)
        return await ImageBuilder(self.store).build(self.context, log=self.log.append, **options)

    def read(self, image, path):
        return (self.store.files(image) / path.lstrip("/")).read_text()

    def tree(self, image):
        root = self.store.files(image)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path)

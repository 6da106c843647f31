"""The whole lab, from its first chapter to its last."""

from pathlib import Path

from cloud.lab import notebooks
from lab.execution import learner


def work_through(folder: Path, language: str, **settings: object) -> None:
    with learner(folder, language, **settings) as someone:
        names = notebooks.names(language)
        opened = someone.open(names[0])
        for name, following in zip(names, [*names[1:], None], strict=True):
            # As who reads on while a job runs: the next chapter's kernel is up when it is needed.
            client, opened = opened, someone.open(following) if following else opened
            someone.execute(client, name)
        assert someone.cloud.refusals == []
        for name, seconds in someone.seconds.items():
            print(f"{seconds:6.1f} s  {name}")
        print(f"{sum(someone.seconds.values()):6.1f} s  in all")

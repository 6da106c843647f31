"""gsutil's lines about the progress of transfers."""

import sys

from cloud.stand_ins.gsutil.commands import Invocation
from cloud.stand_ins.sizes import progress_size

_WIDTH = 80


class Progress:
    """
    Args:
        total: of objects, where it is known.
    """

    def __init__(self, run: Invocation, total: int, size: int) -> None:
        self._run, self._total, self._size = run, total, size if run.is_parallel else 0
        self._done, self._sent = 0, 0

    def copying(self, shown: str, content_type: str | None, size: int) -> None:
        kind = f" [Content-Type={content_type}]" if content_type else ""
        self._write(f"Copying {shown}{kind}...\n")
        if not self._run.is_parallel:
            self._size += size  # known as far as it has come
        self._line()

    def copied(self, size: int) -> None:
        self._done += 1
        self._sent += size
        self._line()

    def removing(self, shown: str) -> None:
        self._write(f"Removing {shown}...\n")

    def removed(self) -> None:
        self._done += 1
        known = self._run.is_parallel and self._total
        count = f"[{self._done}/{self._total} objects]" if known else f"[{self._done} objects]"
        percent = f" {100 * self._done // self._total:>3}% Done" if known else ""
        self._write(f"{f'/ {count}{percent}':<{_WIDTH}}\r")

    def end(self, *, has_size: bool = True) -> None:
        size = f"/{progress_size(self._sent)}" if has_size else ""
        self._write(f"\n{f'Operation completed over {self._done} objects{size}.':<{_WIDTH + 1}}\n")

    def _line(self) -> None:
        sent, of = f"{progress_size(self._sent):>9}", f"{progress_size(self._size):>9}"
        if self._run.is_parallel:
            share = 100 * self._sent // self._size if self._size else 100
            head = f"/ [{self._done}/{self._total} files][{sent}/{of}] {share:>3}% Done"
        else:
            head = f"/ [{self._done} files][{sent}/{of}]"
        self._write(f"{head:<{_WIDTH}}\r")

    def _write(self, text: str) -> None:
        if not self._run.is_quiet:
            sys.stderr.write(text)
            sys.stderr.flush()

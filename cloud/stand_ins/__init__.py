"""``gcloud`` and ``gsutil`` for machines that have no Cloud SDK: the commands of the lab and of public ML notebooks.

Programs of a guest: they reach the emulator over HTTP only, by the environment that ``cloud.serve`` gives. Commands,
flags, output and exit statuses are those of Cloud SDK 528, as recorded from it
(tests/integration/serve/test_stand_ins.py compares the two where it is installed).
"""

"""``gcloud``, the stand-in's: finds the command, runs it, prints its result."""

from cloud.stand_ins import program
from cloud.stand_ins.gcloud.command_line import main

if __name__ == "__main__":
    program.run(main, interrupted="\n\nCommand killed by keyboard interrupt\n\n", status_of_interrupt=1)

"""``docker``, the stand-in's: finds the command and runs it."""

from cloud.stand_ins import program
from cloud.stand_ins.docker.command_line import main

if __name__ == "__main__":
    program.run(main, interrupted="", status_of_interrupt=130)

"""The command line of a checkout: ``python cli.py COMMAND --help``; an installed package has ``elmo-xlstm``."""

from elmo_xlstm.cli import main

if __name__ == "__main__":
    main()

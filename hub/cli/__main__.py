"""`python -m hub.cli`: the command where it is not installed."""

from hub.cli import main

main()

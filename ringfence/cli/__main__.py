"""`python -m ringfence.cli`: the same as `ringfence`; how `serve` starts its workers."""

from ringfence.cli.app import main

main()

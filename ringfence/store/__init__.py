"""Everything that Ringfence keeps in Redis or Valkey, and its copy in the process.

`keys` names every key and says why it is bounded as it is; `connection` opens connections whose
time-outs are ours; `embedded` runs a Valkey of our own where no URL is given; `reader` reads what
commands show. The packages: `mirror` keeps the process's `World` current, `writing` changes things
with the scripts beside it and leaves each change in the history, `imports` brings and takes out
entries of lists by the million, `counting` counts calls and hits.
"""

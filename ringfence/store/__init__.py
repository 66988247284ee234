"""Everything that Ringfence keeps in Redis or Valkey, and its copy in the process.

`keys` names every key and says why it is bounded as it is; `connection` opens connections whose
time-outs are ours; `embedded` runs a Valkey of our own where no URL is given. `writer` changes
things atomically, with the scripts beside it, announces each change and leaves it in the history,
which `history` reads and `undo` takes back. `mirror` keeps the process's `World` current:
`session` is one connected spell of it, `tracking` hears of changes, `loading` reads, `shelf` and
`numbers` hold what was read. `snapshot` keeps it on disk for a start while Redis is away.
"""

"""What is counted: calls for rules with a rate or a spread, and what rules did.

`counters` asks Redis over `pipelined`, `local_counters` holds beside it; `tally` and `hits` count
what rules did, `catching` puts callers on lists for it.
"""

"""The process's copy of rules, lists, trunks and callees, which calls are held against.

`mirror` is its face. `tracking` hears of changes, `session` takes them in while one connection
lives, `refresh` and `loading` read what is due; `hash_copy` and `mirrored_list` keep one key each
in step, `holdings` makes the `World` of it all, `snapshot` keeps it on disk.
"""

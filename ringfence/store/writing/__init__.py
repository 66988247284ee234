"""Every change that Ringfence makes: checked, atomic, announced, and kept in the history.

`writer` is for what is kept in hashes, `list_writer` for lists, `dispute_writer` for disputes and
the list of what they released, all by the scripts that `scripting` runs; `history` reads what was
changed, `undo` takes it back.
"""

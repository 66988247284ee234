"""Every change that Ringfence makes: checked, atomic, announced, and kept in the history.

`writer` is for rules, trunks and callees, `list_writer` for lists, both by the scripts that
`scripting` runs; `history` reads what was changed, `undo` takes it back.
"""

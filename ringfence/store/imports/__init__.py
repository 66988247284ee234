"""Lists of millions: what an import brings, from which source, and how it is taken out again.

`bringing` and `taking_out` do it; `import_plan` says what there is to do, `list_copy` builds a
list beside the one in force, `sources` keeps who brought what, `ranges` finds an entry at once.
"""

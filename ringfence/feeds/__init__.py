"""What others publish, brought into lists and tables that rules go by; never on a call's way.

`kinds` says which feeds there are. A reader for each (`area_codes`, `office_codes`, `complaints`,
`rmd`, `phoneblock`, `number_files`) makes a `plan` of a file: what to write, and nothing written
yet; `tables` reads their rows strictly, `counts` keeps complaints by day, so that they decay.
`importing` holds the plan against what there was and writes it. `download` gets a file,
`refreshing` whatever is new of a feed, and `scheduling` has that done when it is due, in a process
of its own. `standing` tells what the Robocall Mitigation Database says of a provider, `peers`
watches ours.
"""

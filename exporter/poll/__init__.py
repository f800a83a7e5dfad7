"""One poll, stage by stage, and the schedule that starts it.

In the order of the data:

schedule        which target is polled when; timing and bucket are its arithmetic
cycle           one poll: all stages of one target under one deadline
request         a target's requests, built once; exporter.http sends them
parse           bytes become one tree: charset, sniff, json_tree, xml_tree
snapshot        samples become the lines that scrapes serve
"""

"""One answer, stage by stage; nothing here keeps anything.

In the order of the data:

request         a target's requests, built once; exporter.http sends them
parse           bytes become one tree: charset, sniff, json_tree, xml_tree
advice          what to correct after a failed poll
render          samples become the lines that scrapes serve
"""

"""One answer, stage by stage; nothing here keeps anything.

In the order of the data:

request         a target's requests, built once; exporter.http sends them
parse           bytes become one tree: charset, sniff, json_tree, xml_tree
read            the tree becomes series and values, by the endpoint's declaration
advice          what to correct after a failed poll
snapshot        the result of a poll: its series, redacted and each once, with their values
render          the lines of the series, family by family
"""

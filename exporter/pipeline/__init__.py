"""The stages of a poll. They keep nothing but the last answer of an endpoint.

In the order of the data:

request         the requests of a target, built once; exporter.http sends them
charset         the bytes of an answer become text
sniff           what an answer looks like
json_tree       JSON becomes a tree
xml_tree        XML becomes a tree
read            an answer becomes samples and faults, by the endpoint's declaration
advice          what to correct after a failed poll
snapshot        the result of a poll: its series, redacted and each once, with their values
render          the lines of the series, family by family
"""

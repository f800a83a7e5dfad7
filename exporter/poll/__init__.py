"""One poll, stage by stage, and the schedule that starts it.

In the order of the data:

schedule        which target is polled when; timing and bucket are its arithmetic
cycle           one poll: all stages of one target under one deadline
request         a target's requests, built once; its credentials, read each time
fetch           the clients that send them: plain for HTTP, session for the rest; redirect, resolve
login           a token that many polls share; oauth2 and declared_login are how to get one
answer          what came back: body, status, content type; line and inflate read it
parse           bytes become one tree: charset, sniff, json_tree, xml_tree
snapshot        samples become the lines that scrapes serve
"""

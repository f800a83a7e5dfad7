"""Sends malformed input to each parser of the exporter, and reports broken invariants.

mutate         small changes of bytes and trees
harness        the interface of a harness: seeds, mutations, and a check of the invariants
http_answers   raw HTTP answers, whole and in pieces
answer_bodies  bodies of answers, through a whole poll and onto the page
known_shapes   the fast reader of answers against the strict one
configs        configuration files
headers        Accept and Accept-Encoding
port_requests  raw bytes to the exporter's port
harnesses      all harnesses by name
engine         runs one harness for some time, guided by coverage if atheris is installed
"""

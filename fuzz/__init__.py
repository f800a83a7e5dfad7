"""Feeds every input the exporter takes with what nobody should send, and says where it gives way.

mutate      bytes, text and trees become others that are nearly right
harness     what a harness is: seeds, mutations, and a check that raises where an invariant breaks
answers     raw HTTP answers, whole and in pieces
bodies      what vendors say, through a whole poll onto the page
configs     configuration files
headers     Accept and Accept-Encoding
requests    raw bytes to the port
engine      one harness for a time, guided by coverage where atheris is installed
"""

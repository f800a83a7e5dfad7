"""Lists of targets outside of the configuration go in; the live set of targets follows them.

groups      the text of a list, in Prometheus' format, becomes groups of items with labels
build       groups -> targets, by an entry's template; what is known already is not made again
files       looks at the files of a file_sd again and again
http        asks the endpoint of a http_sd again and again
merge       all lists and the configured targets together -> the live set
"""

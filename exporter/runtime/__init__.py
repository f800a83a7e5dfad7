"""All state of the program besides its connections: targets, when each is polled, where they come from.

targets         the live set of targets, each with its last snapshot
bucket, rhythm  the arithmetic of rate limits and of intervals
poll            one poll of a target: all requests under one deadline
schedule        which target is polled when
shard           which targets another exporter polls
daemon          threads that the end of the program does not wait for
target_groups   a list of targets, in Prometheus' format
discovered      groups become targets
file_lists      the files of a file_sd
http_lists      the endpoint of a http_sd
discovery       all lists and the configured targets together
reload          a new configuration takes the place of the old one
"""

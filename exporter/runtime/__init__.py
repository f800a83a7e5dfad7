"""The state of the program besides its connections: targets, when each is polled, where they come from.

timing          when a target is polled next
host_queues     the polls of each host: a limited number at once
slots           what is due at which tick
blocks          the lines of all targets, as they were last rendered
target_state    one target, its last snapshot and its availability
history         the values of the last hour, for sparklines
targets         the live set of targets
poll_run        one poll of a target: all requests under one deadline
schedule        when each target is polled
shard           which targets another exporter polls
daemon          threads that the end of the program does not wait for
target_groups   a list of targets, in Prometheus' format
target_builder  groups become targets
file_lists      the files of a file_sd
http_lists      the endpoint of a http_sd
discovery       all lists and the configured targets together
reload          a new configuration takes the place of the old one
"""

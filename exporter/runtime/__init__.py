"""The state of the program besides its connections: targets, when each is polled, where they come from.

timing          when a target is polled next
poll_limits     the rate limit of a client, and the polls that a host may have at once
slots           what is due at which tick
blocks          the lines of all targets, as they were last rendered
availability    since when a target is down, and the share of time it was up
target_state    one target with what is known of it
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

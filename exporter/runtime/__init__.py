"""The state of the program, except its connections: targets, schedule, discovery and reload.

timing          when a target is polled next
host_queues     the polls of each host: a limited number at once
slots           the timing wheel: which targets are due when
blocks          the rendered lines of all targets
target_state    one target, its last snapshot and its availability
history         the values of the last hour, for sparklines
targets         the live set of targets
poll_run        one poll of a target: all requests under one deadline
schedule        when each target is polled
shard           which targets this exporter polls
daemon          threads that do not delay the end of the program
target_groups   target lists in Prometheus' format
target_builder  the targets of a list
file_lists      the target lists of a file_sd
http_lists      the target list of an http_sd
discovery       merges configured and discovered targets
reload          applies a new configuration
"""

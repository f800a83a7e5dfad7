"""Measures the cost of the exporter, side by side with other programs for the same task.

`python -m bench` runs every measurement and prints a table; `--quick` takes five minutes.

__main__    the command line: which rows, how long, where the table goes
cost        rows 1, 2, 9, 10, 11: the CPU of a poll, beside other programs
page        rows 3, 4: the CPU of a scrape, and how long it holds the event loop
size        rows 5, 6, 8: memory, lateness, growth
start       rows 7, 12: the start
churn       row 13: targets that are added and removed
workbench   what a row is given                  load       targets and their configuration
programs    the server and the exporter          peers      the programs it is compared with
server      the status server's process          bodies     its answers
ticked      the exporter with a clock on its event loop; uses inside
generated   the same samples served by prometheus_client
machine     processes and their CPU              client     scrapes and probes
figures     medians, ratios, lines               report     the table and README.md
"""

"""What the exporter costs, measured side by side with programs that do the same.

`python -m bench` runs every measurement and prints a table; `--quick` takes two minutes.

__main__    the command line: which rows, how long, where the table goes
polls       rows 1 and 2: CPU of a poll, and of a poll with its share of a scrape
page        rows 3 and 4: CPU of a scrape, and how long it holds the event loop; uses inside
size        rows 5, 6 and 8: memory, lateness, growth
start       row 7: starting
subject     the exporter under test       peers    the programs it is compared with
server      what all of them poll         bodies   what that answers
machine     processes and their CPU       client   who scrapes and probes
figures     numbers, medians, ratios      report   the table and README.md
"""

"""The declaration language: YAML becomes functions that read an answer.

Each kind of field is one class with its YAML keys, its metrics, the function that reads it, and the
paths that it reads. In order:

model         the base of every mapping
document      YAML text, with the line and column of each part
durations     durations of people and programs, in seconds
timestamps    dates and times, as Unix seconds
readings      conversions of one value to base units
patterns      regular expressions
extraction    samples and faults, and the context that fields read into
queries       JMESPath, with a limit on its work
paths         JSON Pointers and JMESPath, as functions
conditions    `where` and `when`
labels        label texts
family        a metric, and the rules for names
parts         what all fields have
numbers       gauge, counter
texts         match, info
states        states
groups        within
each          each, count
lines         lines
kinds         all of them, by the keys that name them
requests      the request of an endpoint, login or action
login         a system's login
actions       the states that can be set
endpoint      a request and the fields of its answer
leaf_readers  readers of single values that have changed
shapes        objects of known keys, read by the values that have changed
list_items    items of lists, each read by what has changed
last_answer   the last answer of an endpoint, which the next is compared with
system        the whole declaration, and the check that it can work
unmapped      values that no field reads
absent        paths that find nothing in an answer
explanation   what each field finds, for people
"""

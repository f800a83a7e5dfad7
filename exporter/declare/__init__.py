"""The declaration language: YAML goes in, compiled systems come out.

Each kind of field is one class, which holds its YAML shape, its metrics, the function that reads
it, and the places that it reads. In order:

model         the base of every mapping
document      YAML text with the line and column of each part
readings      conversions of one value to base units; durations and timestamps are its longest
patterns      regular expressions
extraction    samples and faults, and the context that fields read into
paths         JSON Pointers and JMESPath
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
kinds         all of them by the keys that name them
requests      what is sent: endpoints, logins and actions
login         a system's login
actions       what can be set
endpoint      a request and the fields of its answer
shapes        answers of a known shape, read by what has changed since the last
system        the whole, and the check that it can work
unmapped      values that no field reads
absent        paths that find nothing in an answer
explanation   what each field finds, for a person
"""

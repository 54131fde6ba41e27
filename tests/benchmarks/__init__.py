"""What `make bench` measures: one file a benchmark, none of them run by `make test`.

Throughput gates are ratios of two things measured in one run, alternated, because figures of a
shared machine move threefold from one run to the next. Every run counts what went in and what
came out, and fails when one message is lost or doubled.
"""

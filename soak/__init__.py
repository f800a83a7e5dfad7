"""Lets a thousand targets fail in turn for minutes, and checks that nothing leaks, is lost or late.

faulty      a proxy in front of the simulator that makes a share of its targets fail
hostile     servers whose answers are large, slow, or more than was requested
watched     the exporter's program, which also reports what its process holds
pages       scrapes, read with prometheus_client's parsers
figures     the figures of a run, each with its verdict
"""

"""Lets a thousand targets fail in turn for minutes, and sees that nothing drifts, is lost or late.

faulty      stands before the simulator and makes a share of its targets fail
watched     the exporter as it is, with what its process holds written out each second
figures     pages and what was written become figures, and each figure's verdict
"""

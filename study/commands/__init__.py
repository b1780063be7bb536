"""The commands of the command line. Heavy packages are imported by the commands that need them.

trial.py     one trial; problems with known answers
sweep.py     many trials, or what they will cost
results.py   what a results folder holds: status, tables, curves, report; packing it
"""

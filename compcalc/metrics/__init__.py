"""Metrics: functions from NumPy arrays to numbers. They run no potential and read no file.

`errors` static force and energy errors; `statistics` bootstrap intervals and rank correlation; `drift` energy
conservation; `temperature` kinetic temperatures and degrees of freedom; `survival` Kaplan-Meier curves;
`distributions` bond lengths, torsions and pair distances.

In every module inputs are eV, eV/angstrom, angstrom, fs, u and K unless an argument's name says otherwise, and the
output's unit stands in the docstring. NaN in the input gives NaN in the output; an empty input gives NaN, never a
warning.
"""

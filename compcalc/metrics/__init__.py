"""Metrics: functions from NumPy arrays to numbers. They run no potential and read no file.

Static: `errors` force and energy errors.
Energy of a run: `drift` its slope, `noise_floor` the slope that noise alone shows, `jumps` its steps.
Temperature: `temperature` kinetic temperatures and degrees of freedom, `equipartition` by element against the target.
Structure: `distributions` torsions and pair distances, `internal` bond lengths and angles by type, `sampling` evidence
of equilibrium. Vibrations: `spectra` density of states, `bands` the places of stretches. Failure: `survival`
Kaplan-Meier curves, `clustered` their bands over molecules and replicas, `breaking` temperatures of heated runs,
`trajectory_errors` the force error on the way. Statistics: `statistics` bootstrap intervals and rank correlation,
`blocking` errors of correlated means. Tables: `static` and `dynamics` a row a molecule or run (`run_parts` its pieces),
`stability` both side by side.

In every module inputs are eV, eV/angstrom, angstrom, fs, u and K unless an argument's name says otherwise, and the
output's unit stands in the docstring. NaN in the input gives NaN in the output; an empty input gives NaN, never a
warning.
"""
